"""What is on disk: the files of a study, their seals, what a folder holds, what is wrong with it."""

from experiments.store.store import MOST_READ, Store

__all__ = ["MOST_READ", "Store"]
