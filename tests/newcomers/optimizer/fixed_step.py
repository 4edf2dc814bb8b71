"""Steps of a fixed size against the gradient."""

from typing import Any

from optim.base import Array, Optimizer, register


@register("fixed_step")
class FixedStep(Optimizer):
    """Gradient descent without anything to set."""

    def init(self, params: Array) -> None:
        return None

    def update(self, grads: Array, state: Any, params: Array) -> tuple[Array, Any]:
        return -0.01 * grads, state
