"""How much can be asked for: what is beyond would run for days or fill the memory without a word."""

from __future__ import annotations

LARGEST_SEED = 2**32 - 1  # what NumPy's legacy generator takes
FIRST_TUNING_SEED = 1_000_000_000  # from here on seeds choose settings, and nothing else
LARGEST_STEPS = 10**8  # of one run: an hour
MOST_POINTS = 10**6  # of one run that are recorded
MOST_HISTORY = 1 << 30  # bytes, of the runs that advance together; on its way to the disk it is copied
MOST_RUNS = 10**8  # of one optimizer on one problem in one grid
