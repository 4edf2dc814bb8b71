"""A study that is still growing: looked at without touching it, read when it has grown."""
