"""Time that passes as a test lets it, without any waiting."""

from collections.abc import Callable, Sequence

from experiments.watching.looks import Clock

MIDNIGHT = 1_700_000_000.0  # seconds since the epoch when it begins


class Passing:
    """A clock that is set on by who sleeps; at each sleep the next thing happens."""

    def __init__(self, events: Sequence[Callable[[], object]] = ()) -> None:
        self.now = 0.0
        self.events = list(events)
        self.clock = Clock(lambda: self.now, lambda: MIDNIGHT + self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        """Let so many seconds pass, and what is to happen in them."""
        self.now += seconds
        if self.events:
            self.events.pop(0)()
