"""What a run leaves in memory: the record of its lanes, and how it is filled in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from problems.base import Array, Instance

MEASURES = ("loss", "suboptimality", "grad_norm", "distance")
"""What is recorded of every problem; its own metrics come after."""

TARGETS = tuple(10.0**-k for k in range(1, 9))
"""The ladder: fractions of its first suboptimality that a lane is to fall to."""


@dataclass(frozen=True)
class Trace:
    """What happened to each lane. NaN from the step on at which a lane diverged.

    Attributes:
        step: (points,), the recorded steps: 0, then log-spaced, the last included.
        loss, suboptimality, grad_norm, distance: (points, lanes), on all data.
        metrics: name -> (points, lanes).
        params: (dim, lanes), the last that were finite.
        best_loss: (lanes,), the least loss over all steps, the start included.
        diverged_at: (lanes,), the first step that was not finite, -1 for never.
        stalled: (lanes,), whether the lane did not diverge, but its optimizer's state ended
            with a number that is not finite: what that number belongs to stands still.
        hits: (targets, lanes), the first step at which the suboptimality was at most
            that fraction of its first value, -1 for never.
        path, rate: (points, dim, lanes), the parameters and the effective learning rate
            (step over gradient) of the step that led to them; None unless asked for.
        seconds: (lanes,), each lane's share of its block's time.
    """

    step: NDArray[np.int64]
    loss: Array
    suboptimality: Array
    grad_norm: Array
    distance: Array
    metrics: dict[str, Array]
    params: Array
    best_loss: Array
    diverged_at: NDArray[np.int64]
    stalled: NDArray[np.bool_]
    hits: NDArray[np.int64]
    path: Array | None
    rate: Array | None
    seconds: Array


class Ladder:
    """The targets that each lane has reached, and when.

    A step costs one comparison, of each lane with its own next target. The tables have
    one row a target and are kept flat: ``place`` is where a lane's next target stands.
    """

    def __init__(self, first: Array) -> None:
        self.lanes = len(first)
        self.place = np.arange(self.lanes)
        self.reached = np.full(len(TARGETS) * self.lanes, -1)
        # one row more than there are targets: minus infinity is never reached
        self.targets = np.append(np.multiply.outer(TARGETS, first), np.full(self.lanes, -np.inf))
        self.threshold = self.targets[: self.lanes].copy()
        self.climb(0, first)

    @property
    def hits(self) -> NDArray[np.int64]:
        """The step at which each target was reached, -1 for never: (targets, lanes)."""
        return self.reached.reshape(len(TARGETS), self.lanes)

    def climb(self, step: int, suboptimality: Array) -> None:
        """Note the targets reached at this step, touching only the lanes that reached one."""
        lanes = (suboptimality <= self.threshold).nonzero()[0]
        while lanes.size:
            place = self.place[lanes]
            self.reached[place] = step
            self.place[lanes] = place = place + self.lanes
            self.threshold[lanes] = target = self.targets[place]
            lanes = lanes[suboptimality[lanes] <= target]


def measured(instance: Instance, loss: Array, grads: Array, params: Array) -> dict[str, Array]:
    """Return what is recorded of a step, each (lanes,); ``loss`` and ``grads`` are those on all data."""
    xp = array_namespace(params)
    away = (params * xp.nan if instance.minimiser is None else params - instance.minimiser) ** 2
    return {
        "loss": loss,
        "suboptimality": xp.clip(loss - instance.minimum, 0, None),  # below 0 by rounding only
        "grad_norm": xp.sqrt((grads**2).sum(axis=0)),
        "distance": xp.sqrt(away.sum(axis=0)),
        **instance.metrics(params),
    }


class History:
    """The recorded steps, row by row; what is never recorded stays NaN."""

    def __init__(
        self, shape: tuple[int, int], points: int, metrics: tuple[str, ...], with_path: bool
    ) -> None:
        dim, lanes = shape
        self.measures = {name: np.full((points, lanes), np.nan) for name in (*MEASURES, *metrics)}
        self.path = np.full((points, dim, lanes), np.nan) if with_path else None
        self.rate = np.full((points, dim, lanes), np.nan) if with_path else None

    def record(
        self,
        rows: Any,
        values: Mapping[str, Array],
        params: Array | None,
        rate: Array | None,
        lanes: slice = slice(None),
    ) -> None:
        """Fill in what was measured in one row or several, of all lanes or some, diverged ones too."""
        for name, measure in self.measures.items():
            measure[rows, lanes] = values[name]
        if self.path is not None and self.rate is not None:
            self.path[rows, :, lanes] = params
            self.rate[rows, :, lanes] = np.nan if rate is None else rate

    def trace(
        self,
        recorded: NDArray[np.int64],
        params: Array,
        best_loss: Array,
        diverged_at: NDArray[np.int64],
        stalled: NDArray[np.bool_],
        hits: NDArray[np.int64],
    ) -> Trace:
        """Return the finished record: NaN from the step on at which a lane diverged."""
        dead = (diverged_at >= 0) & (recorded[:, None] >= diverged_at)
        for values in self.measures.values():
            values[dead] = np.nan
        for per_parameter in (self.path, self.rate):
            if per_parameter is not None:
                np.copyto(per_parameter, np.nan, where=dead[:, None])
        loss, suboptimality, grad_norm, distance, *others = self.measures.items()
        return Trace(
            step=recorded,
            loss=loss[1],
            suboptimality=suboptimality[1],
            grad_norm=grad_norm[1],
            distance=distance[1],
            metrics=dict(others),
            params=params.astype(np.float64, copy=False),
            best_loss=best_loss.astype(np.float64, copy=False),
            diverged_at=diverged_at,
            stalled=stalled,
            hits=hits,
            path=self.path,
            rate=self.rate,
            seconds=np.zeros(0),
        )


def lane_arrays(trace: Trace) -> dict[str, Any]:
    """Return the fields whose last axis is the lanes."""
    return {f.name: getattr(trace, f.name) for f in fields(trace) if f.name != "step"}


def on_arrays(function: Callable[..., Any], *values: Any) -> Any:
    """Apply ``function`` to arrays, to the arrays in dictionaries, and to None not at all."""
    if values[0] is None:
        return None
    if isinstance(values[0], dict):
        return {name: function(*(value[name] for value in values)) for name in values[0]}
    return function(*values)


def select(trace: Trace, lanes: slice | NDArray[np.int64]) -> Trace:
    """Return the trace of some of the lanes."""
    kept = {name: on_arrays(lambda a: a[..., lanes], value) for name, value in lane_arrays(trace).items()}
    return replace(trace, **kept)


def join(traces: list[Trace]) -> Trace:
    """Return one trace of all the lanes of several, in their order."""
    if len(traces) == 1:
        return traces[0]
    columns = [lane_arrays(trace) for trace in traces]
    joined = {
        name: on_arrays(lambda *parts: np.concatenate(parts, axis=-1), *(column[name] for column in columns))
        for name in columns[0]
    }
    return replace(traces[0], **joined)
