"""Data from scikit-learn, of MNIST-1D and of the user's own, split once, and minibatches of them."""

from problems.data.minibatches import batch_rows
from problems.data.sets import OnData
from problems.data.shipped import load_mnist1d, load_pixels, load_split
from problems.data.split import CLASSES, NUMBERS, Split

__all__ = [
    "CLASSES",
    "NUMBERS",
    "OnData",
    "Split",
    "batch_rows",
    "load_mnist1d",
    "load_pixels",
    "load_split",
]
