"""Words as typed -> a checked request; what the commands share, and what they say on the screen."""
