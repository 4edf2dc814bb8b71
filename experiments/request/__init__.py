"""What is asked for: settings, axes, checks, ids, and the table of runs."""
