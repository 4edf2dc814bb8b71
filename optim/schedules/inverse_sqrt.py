"""Decay with the inverse square root of the step."""

from dataclasses import dataclass

from optim.hyper import Array, Hyper, hyper
from optim.schedules.base import Schedule, namespace, register, updates


@register("inverse_sqrt")
@dataclass(frozen=True, kw_only=True)
class InverseSqrt(Schedule):
    r"""Inverse square root decay (Vaswani et al., 2017, eq. 3; Zhai et al., 2022, section 3.5).

    .. math::
        g(k, n) = \sqrt{\frac{\tau + 1}{\tau + 1 + k}}, \qquad
        \tau = \max(1, \mathrm{round}(\text{timescale} \cdot n))

    Args:
        warmup: share of the run that is a linear warm-up, in [0, 1).
        timescale: :math:`\tau` as a share of what follows the warm-up, in (0, 1]; rounded to whole
            updates, at least one. After three times so many the factor is about a half.

    With :math:`\tau = W`, where :math:`W` updates are warm-up, it is the schedule of Vaswani et al.
    with ``warmup_steps`` :math:`W + 1`, but for the constant: theirs is
    :math:`\min((k + 1)^{-1/2}, (k + 1) \, \text{warmup_steps}^{-3/2})`, here the largest factor is 1.

    >>> rule = InverseSqrt(warmup=0.2, timescale=0.25)  # 2 updates of 10, and of the 8 others
    >>> print([round(rule.factor(step, 10), 6) for step in (0, 1, 2, 3, 9)])
    [0.333333, 0.666667, 1.0, 0.866025, 0.547723]
    """

    timescale: Hyper = hyper(0.1, low=0, high=1, open_low=True)

    def after_warmup(self, done: Array, count: Array) -> Array:
        timescale = updates(self.timescale, count) + 1
        return namespace(done).sqrt(timescale / (timescale + done))
