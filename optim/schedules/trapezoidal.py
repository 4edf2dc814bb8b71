"""Trapezoidal: warm-up, a stable phase, and a linear decay at the end."""

from dataclasses import dataclass

from optim.hyper import Array, Hyper, hyper
from optim.schedules.base import Schedule, namespace, register, updates


@register("trapezoidal")
@dataclass(frozen=True, kw_only=True)
class Trapezoidal(Schedule):
    r"""Warm-up, stable, decay (Xing et al., 2018; Zhai et al., 2022, section 3.5; Hu et al., 2024).

    .. math::
        g(k, n) = \phi + (1 - \phi) \min\!\left(1, \frac{n - k}{d}\right), \qquad
        d = \max(1, \mathrm{round}(\text{decay} \cdot n))

    Args:
        warmup: share of the run that is a linear warm-up, in [0, 1).
        decay: share of what follows the warm-up in which the rate falls, in (0, 1]; rounded to whole
            updates. The first of them still has the full rate: with one update nothing falls.
        final: :math:`\phi`, the share of the learning rate that it falls to, in [0, 1]; it is
            what an update after the last one would have.

    Schmidt et al. (2021) compare optimizers under this schedule, ``constant``, ``cosine`` and
    ``cosine_restarts``. Neither PyTorch nor Optax has it in one piece: it is PyTorch's ``LinearLR`` after a
    ``ConstantLR``, and Optax's ``linear_schedule`` with ``transition_begin``.

    >>> rule = Trapezoidal(warmup=0.2, decay=0.5)  # 2 updates of 10, and 4 of the 8 others
    >>> print([round(rule.factor(step, 10), 6) for step in range(10)])
    [0.333333, 0.666667, 1.0, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]
    """

    decay: Hyper = hyper(0.2, low=0, high=1, open_low=True)
    final: Hyper = hyper(0.0, low=0, high=1)

    def after_warmup(self, done: Array, count: Array) -> Array:
        falling = namespace(done).minimum((count - done) / updates(self.decay, count), 1.0)
        return self.final + (1 - self.final) * falling
