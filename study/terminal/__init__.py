"""What a command shows and how it ends: sentences, progress, exit codes."""
