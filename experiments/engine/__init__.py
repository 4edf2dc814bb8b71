"""Problem, optimizer and seeds -> a trace; the fingerprint of the code that decides its numbers."""
