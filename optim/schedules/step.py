"""Step decay: the learning rate drops by the same factor at regular intervals."""

from dataclasses import dataclass

from optim.hyper import Array, Hyper, hyper
from optim.schedules.base import Schedule, power, register, updates


@register("step")
@dataclass(frozen=True, kw_only=True)
class StepDecay(Schedule):
    r"""Step decay in equal steps.

    He et al. (2016, section 4.2) and Goyal et al. (2017, section 5.1) drop the rate tenfold so, at
    updates that they chose.

    .. math::
        g(k, n) = \gamma^{\lfloor k / s \rfloor}, \qquad s = \max(1, \mathrm{round}(\text{step_size} \cdot n))

    Args:
        warmup: share of the run that is a linear warm-up, in [0, 1).
        step_size: share, of what follows the warm-up, from one drop to the next, in (0, 1];
            rounded to whole updates, at least one. With 1 there is no drop.
        gamma: :math:`\gamma`, what a drop multiplies the learning rate by, in (0, 1].

    The numbers are those of PyTorch's ``StepLR`` with ``step_size`` updates, and of Optax's
    ``exponential_decay(..., staircase=True)``.

    >>> rule = StepDecay(step_size=0.25, gamma=0.5)
    >>> print([round(rule.factor(step, 8), 6) for step in range(8)])
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125]
    """

    step_size: Hyper = hyper(1 / 3, low=0, high=1, open_low=True)
    gamma: Hyper = hyper(0.1, low=0, high=1, open_low=True)

    def after_warmup(self, done: Array, count: Array) -> Array:
        return power(self.gamma, done // updates(self.step_size, count))
