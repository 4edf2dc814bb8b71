"""Cosine annealing with warm restarts (SGDR)."""

from dataclasses import dataclass

from optim.hyper import Array, Hyper, hyper
from optim.schedules.base import Schedule, half_cosine, namespace, register, updates


@register("cosine_restarts")
@dataclass(frozen=True, kw_only=True)
class CosineRestarts(Schedule):
    r"""Cosine annealing with warm restarts (Loshchilov & Hutter, 2017, eq. 5).

    .. math::
        g(k, n) = \phi + \frac{1 - \phi}{2} \left(1 + \cos(\pi t)\right), \qquad
        s = \max(1, \mathrm{round}(\text{period} \cdot n))

    :math:`t` in [0, 1) is the share of the current period that is done. The first has :math:`s`
    updates, each later one :math:`m` times as many as the one before. With
    :math:`a = \log_m(1 + (m - 1) k / s)`, or :math:`k / s` for :math:`m = 1`, the period is that of
    number :math:`\lfloor a \rfloor`, and

    .. math::
        t = \frac{m^{a - \lfloor a \rfloor} - 1}{m - 1}

    Args:
        warmup: share of the run that is a linear warm-up, in [0, 1); restarts are without.
        period: share of what follows the warm-up that is the first period, in (0, 1]; rounded to
            whole updates, at least one.
        mult: :math:`m`, in [1, inf). Where a later period ends between two updates, the second
            of them is the first of the next.
        final: :math:`\phi`, the share of the learning rate that each period falls to, in [0, 1].

    The last period ends with the run, wherever it is: half-way, say, with ``period=0.4, mult=1``. The
    numbers are those of PyTorch's ``CosineAnnealingWarmRestarts`` with ``T_0`` :math:`s` and
    ``T_mult`` :math:`m`, which takes whole numbers only.

    >>> rule = CosineRestarts(period=0.25, mult=3)
    >>> print([round(rule.factor(step, 8), 6) for step in range(8)])
    [1.0, 0.5, 1.0, 0.933013, 0.75, 0.5, 0.25, 0.066987]
    """

    period: Hyper = hyper(0.25, low=0, high=1, open_low=True)
    mult: Hyper = hyper(1.0, low=1)
    final: Hyper = hyper(0.0, low=0, high=1)

    def after_warmup(self, done: Array, count: Array) -> Array:
        xp = namespace(done, self.mult)
        growth = xp.maximum(self.mult - 1, 1e-30)  # so little is none, and can be divided by
        periods = xp.log1p(growth * (done / updates(self.period, count))) / xp.log1p(growth)
        whole = xp.floor(periods * (1 + 16 * xp.finfo(periods.dtype).eps))  # a restart, but for rounding
        part = xp.maximum(periods - whole, 0.0)
        left = 1 - xp.expm1(part * xp.log1p(growth)) / growth
        return self.final + (1 - self.final) * half_cosine(left)
