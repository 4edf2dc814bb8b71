"""Functions of one vector from the literature, each in a file of its own, whose minimum is known."""
