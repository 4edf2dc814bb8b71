"""Neural networks, each in a file of its own: a layout, how a seed draws it, its data and a loss."""
