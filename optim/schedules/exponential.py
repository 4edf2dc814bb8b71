"""Exponential decay: every update multiplies the learning rate by the same factor."""

from dataclasses import dataclass

from optim.hyper import Array, Hyper, hyper
from optim.schedules.base import Schedule, power, register


@register("exponential")
@dataclass(frozen=True, kw_only=True)
class Exponential(Schedule):
    r"""Exponential decay by a total factor.

    .. math::
        g(k, n) = \gamma^{k / n}

    Args:
        warmup: share of the run that is a linear warm-up, in [0, 1).
        gamma: :math:`\gamma`, what is left of the learning rate at the end, in (0, 1].

    It is a factor for the whole run, so that it means the same at any number of updates. In
    PyTorch's ``ExponentialLR`` it is one for each update: this is its :math:`\gamma^{1/n}`, where
    :math:`n` updates follow the warm-up. Optax and Keras call it ``decay_rate``, with
    ``transition_steps`` or ``decay_steps`` :math:`n`.

    >>> rule = Exponential(gamma=0.01)
    >>> print([round(rule.factor(step, 4), 6) for step in range(4)])
    [1.0, 0.316228, 0.1, 0.031623]
    """

    gamma: Hyper = hyper(0.01, low=0, high=1, open_low=True)

    def after_warmup(self, done: Array, count: Array) -> Array:
        return power(self.gamma, done / count)
