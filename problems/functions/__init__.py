"""Functions of one vector from the literature, each in a file of its own, with its minimum and a minimiser."""
