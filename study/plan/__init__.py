"""What a study would train, what it has trained, and what that costs."""
