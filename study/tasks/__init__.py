"""What is learned: each task turns trials into rows and labels."""
