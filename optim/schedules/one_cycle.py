"""The one-cycle policy: up to the learning rate, then far below where it began."""

from dataclasses import dataclass

from optim.hyper import Array, Hyper, hyper
from optim.schedules.base import Schedule, half_cosine, namespace, register, updates


@register("one_cycle")
@dataclass(frozen=True, kw_only=True)
class OneCycle(Schedule):
    r"""The one-cycle policy (Smith & Topin, 2018), with the cosines that it is used with.

    .. math::
        g(k, n) = \begin{cases}
            \phi_0 + \frac{1 - \phi_0}{2} \left(1 - \cos \frac{\pi k}{p}\right) & k < p \\
            \phi_1 + \frac{1 - \phi_1}{2} \left(1 + \cos \frac{\pi (k - p)}{n - 1 - p}\right) & k \ge p
        \end{cases}

    with :math:`\phi_0 = 1 / \text{div_factor}`, :math:`\phi_1 = \phi_0 / \text{final_div_factor}` and
    :math:`p = \max(1, \mathrm{round}(\text{pct_start} \cdot n)) - 1`, the update with the full
    learning rate.

    Args:
        warmup: share of the run that is a linear warm-up to what the cycle begins with, in [0, 1);
            the cycle has its own, so that 0 is usual.
        pct_start: share of the cycle in which the rate grows, in (0, 1]; rounded to whole updates,
            at least one.
        div_factor: the full rate over the first one, in [1, inf).
        final_div_factor: the first rate over the last one, in [1, inf).

    The numbers are those of PyTorch's ``OneCycleLR`` with ``total_steps`` :math:`n`, ``max_lr`` the
    learning rate and two phases; its ``pct_start`` is not rounded. Optax's
    ``cosine_onecycle_schedule`` has the peak at update :math:`p + 1` and the last rate one update
    after the run. Smith & Topin change the rate linearly. They, and PyTorch by default, let the
    momentum fall and rise against the rate; here the momentum stays what the optimizer has.

    >>> rule = OneCycle(pct_start=0.4, div_factor=10, final_div_factor=10)
    >>> print([round(rule.factor(step, 5), 6) for step in range(5)])
    [0.1, 1.0, 0.7525, 0.2575, 0.01]
    """

    pct_start: Hyper = hyper(0.3, low=0, high=1, open_low=True)
    div_factor: Hyper = hyper(25.0, low=1)
    final_div_factor: Hyper = hyper(10_000.0, low=1)

    def after_warmup(self, done: Array, count: Array) -> Array:
        xp = namespace(done, self.pct_start)
        peak = updates(self.pct_start, count) - 1
        last = xp.maximum(count - 1, peak + 1)  # beyond the run where the peak is its end
        rising = half_cosine(xp.minimum(done / xp.maximum(peak, 1), 1.0))
        falling = half_cosine(xp.minimum((last - done) / (last - peak), 1.0))
        first = 1 / self.div_factor
        final = first / self.final_div_factor
        return xp.where(done < peak, first + (1 - first) * rising, final + (1 - final) * falling)
