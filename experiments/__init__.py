"""Grids of runs of optimizers on problems, and what they tell: tables, figures, verdicts."""

import sys
from itertools import pairwise


def is_command() -> bool:
    """Tell whether this process is ``python -m experiments.NAME``: it imports this before all else."""
    words = sys.orig_argv
    named = (after for word, after in pairwise(words) if word == "-m")
    return sys.argv[0] == "-m" and next(named, "").split(".")[0] == "experiments"


if is_command():
    from experiments.signals import end_when_told
    from experiments.streams import keep_streams

    keep_streams()
    end_when_told()
