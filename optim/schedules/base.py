"""What a learning-rate schedule is, the warm-up that any may begin with, and the registry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
from array_api_compat import array_namespace, is_jax_array

from experiments.declared import registration
from optim.hyper import Array, Hyper, Hyperparameters, hyper

SCHEDULES: dict[str, type[Schedule]] = {}
"""Every registered schedule class under the name a user types."""


@dataclass(frozen=True, kw_only=True)
class Schedule(Hyperparameters, ABC):
    r"""A factor on the learning rate that depends on the step.

    A run of :math:`T` updates begins with a linear warm-up of :math:`W`, whatever the schedule:

    .. math::
        W = \mathrm{round}(\text{warmup} \cdot T), \qquad
        f(k, T) = \min\!\left(1, \frac{k + 1}{W + 1}\right) \, g(\max(k - W, 0),\; T - W)

    :math:`g` is the schedule itself, over the updates that follow the warm-up. The ramp leads to
    what it begins with, in even steps, and no update is lost to a factor of 0. Goyal et al.
    (2017, section 2.2) warm up so; PyTorch's ``LinearLR`` with ``start_factor=1 / (W + 1)`` and
    ``total_iters=W`` is this ramp.

    Lengths are shares, so that a schedule means the same at any number of updates: ``warmup`` of
    the run, all others of what follows the warm-up. A share is rounded to whole updates, and a
    half to the even number of them.

    Args:
        warmup: share of the run that is warm-up, in [0, 1).

    Raises:
        ValueError: a value lies outside its range, or is not a number.
    """

    name: ClassVar[str]

    warmup: Hyper = hyper(0.0, low=0, high=1, open_high=True)

    @final
    def factor(self, step: Any, steps: Any) -> Hyper:
        """Return what the learning rate is multiplied by: a number, or one for each lane.

        Args:
            step: the update, from 0; before the first and after the last it is as there.
            steps: how many updates the run has, from 1. Both are whole numbers: of Python, or
                arrays without a dimension, of NumPy or traced by JAX.

        A column of steps, shape (count, 1), gives the factors of all of them, (count, lanes), or
        (count, 1) where there are no lanes.
        """
        numbers = [getattr(self, name) for name in self.hyperparameters()]
        xp = namespace(step, steps, *numbers)
        step, steps = (
            xp.asarray(step, dtype=int),
            xp.asarray(steps, dtype=int),
        )  # JAX divides int32 as float32
        step = xp.minimum(xp.maximum(step, 0), steps - 1)
        warmup = xp.round(self.warmup * steps).astype(steps.dtype)
        done, count = xp.maximum(step - warmup, 0), xp.maximum(steps - warmup, 1)
        ramp = xp.minimum((step + 1) / (warmup + 1), 1.0)
        factor = ramp * self.after_warmup(done, count)
        if xp is np and not np.ndim(factor):
            return float(factor)
        return xp.asarray(factor, dtype=xp.result_type(1.0, *numbers))  # as wide as they are

    @abstractmethod
    def after_warmup(self, done: Array, count: Array) -> Array:
        """Return the schedule's own factor when ``done`` of the ``count`` updates after the warm-up are done.

        Both are integers in arrays without a dimension or of shape ``(lanes,)``, and
        0 <= done < count. The factor is finite and not negative.
        """


def namespace(*values: Any) -> Any:
    """Return the functions for these values: JAX's if one of them is an array of JAX, else NumPy's."""
    arrays = [value for value in values if is_jax_array(value)]
    return array_namespace(*arrays) if arrays else np


def updates(share: Hyper, count: Array) -> Array:
    """Return how many of ``count`` updates a share is: rounded, a half to the even number; at least 1."""
    xp = namespace(count)
    return xp.maximum(xp.round(share * count).astype(count.dtype), 1)


def power(base: Hyper, exponent: Hyper) -> Array:
    """Return ``base ** exponent`` for a positive base.

    A number and an array give the same bits this way, which ``**`` does not promise.
    """
    xp = namespace(base, exponent)
    least = xp.finfo(xp.asarray(base).dtype).smallest_normal  # below it all is 0 to XLA
    return xp.exp(exponent * xp.log(xp.maximum(base, least)))


def half_cosine(left: Array) -> Array:
    r"""Return the fall of a cosine from 1 to 0, at a share ``left`` of the way before its end.

    It is :math:`(1 + \cos \pi t) / 2` at :math:`t = 1 - \text{left}`, written as
    :math:`\sin^2(\frac{\pi}{2} \text{left})`, which keeps its digits near the end.
    """
    sine = namespace(left).sin(np.pi / 2 * left)
    return sine * sine  # of a number, ``** 2`` has other bits than of an array


register = registration(SCHEDULES, "schedule")
"""Enter the decorated class in ``SCHEDULES`` under a name."""
