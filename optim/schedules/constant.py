"""No schedule: the learning rate stays, but for a warm-up."""

from dataclasses import dataclass

from optim.hyper import Array
from optim.schedules.base import Schedule, namespace, register


@register("constant")
@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    r"""The learning rate as it is.

    .. math::
        g(k, n) = 1

    Args:
        warmup: share of the run that is a linear warm-up, in [0, 1).

    With a warm-up it is PyTorch's ``LinearLR`` and Optax's ``warmup_constant_schedule``.

    >>> rule = Constant(warmup=0.3)
    >>> print([rule.factor(step, 10) for step in range(5)])
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    def after_warmup(self, done: Array, count: Array) -> Array:
        return namespace(done).ones(done.shape)
