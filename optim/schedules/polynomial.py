"""Polynomial decay: a power of the share of the run that is left; linear by default."""

from dataclasses import dataclass

from optim.hyper import Array, Hyper, hyper
from optim.schedules.base import Schedule, power, register


@register("polynomial")
@dataclass(frozen=True, kw_only=True)
class Polynomial(Schedule):
    r"""Polynomial decay; linear with power 1 (Chen et al., 2018, take 0.9 and call it "poly").

    .. math::
        g(k, n) = \phi + (1 - \phi) \, (1 - k / n)^p

    Args:
        warmup: share of the run that is a linear warm-up, in [0, 1).
        power: :math:`p`, in (0, inf).
        final: :math:`\phi`, the share of the learning rate that it falls to, in [0, 1]; it is
            what an update after the last one would have.

    The numbers are those of PyTorch's ``PolynomialLR`` with ``total_iters`` :math:`n`, which has no
    ``final``, and of Optax's ``polynomial_schedule`` with ``end_value`` :math:`\phi` times the
    learning rate. Keras calls that ``end_learning_rate``.

    >>> rule = Polynomial(power=2)
    >>> print([round(rule.factor(step, 4), 6) for step in range(4)])
    [1.0, 0.5625, 0.25, 0.0625]
    """

    power: Hyper = hyper(1.0, low=0, open_low=True)
    final: Hyper = hyper(0.0, low=0, high=1)

    def after_warmup(self, done: Array, count: Array) -> Array:
        left = (count - done) / count
        return self.final + (1 - self.final) * power(left, self.power)
