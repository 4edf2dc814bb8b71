"""Cosine annealing: half a period of a cosine, once over the run."""

from dataclasses import dataclass

from optim.hyper import Array, Hyper, hyper
from optim.schedules.base import Schedule, half_cosine, register


@register("cosine")
@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    r"""Cosine annealing (Loshchilov & Hutter, 2017, eq. 5, without restarts).

    .. math::
        g(k, n) = \phi + \frac{1 - \phi}{2} \left(1 + \cos \frac{\pi k}{n}\right)

    Args:
        warmup: share of the run that is a linear warm-up, in [0, 1).
        final: :math:`\phi`, the share of the learning rate that it falls to, in [0, 1]; it is
            what an update after the last one would have.

    The numbers are those of PyTorch's ``CosineAnnealingLR`` with ``T_max`` :math:`n` and ``eta_min``
    :math:`\phi` times the learning rate, and of Optax's ``cosine_decay_schedule`` and Keras's
    ``CosineDecay``, which call the share ``alpha``.

    >>> rule = Cosine()
    >>> print([round(rule.factor(step, 4), 6) for step in range(4)])
    [1.0, 0.853553, 0.5, 0.146447]
    """

    final: Hyper = hyper(0.0, low=0, high=1)

    def after_warmup(self, done: Array, count: Array) -> Array:
        return self.final + (1 - self.final) * half_cosine((count - done) / count)
