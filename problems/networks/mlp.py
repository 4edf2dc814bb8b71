"""A multilayer perceptron on the handwritten digits."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from problems.base import Choice, Numbers, constant, register
from problems.data import Split, load_split
from problems.loss import Arrays, Layout, LossProblem
from problems.networks.layers import accuracy, cross_entropy

CLASSES = 10
MOST_PARAMETERS = 250_000  # 64 lanes of them, with all that goes with them, are about a gigabyte


@register("mlp")
@dataclass(frozen=True, kw_only=True)
class MLP(LossProblem):
    r"""A fully connected network with softmax cross-entropy, on scikit-learn's digits.

    .. math::
        h_0 = x, \quad h_l = \phi(W_l h_{l-1} + b_l), \quad
        f = \frac1n \sum_i -\log p_{y_i}(W_{L+1} h_L + b_{L+1}) + \frac{\lambda}{2} \|W\|^2

    A seed draws the weights (variance 2 / inputs for relu, He et al., 2015, and 1 / inputs
    for tanh, LeCun et al., 1998; biases 0) and the order of the minibatches. The data are
    split once, stratified, the same way for every seed; the metric ``accuracy`` is on the
    held-out part.

    The least loss is not known: ``minimum`` is the lower bound 0, so that suboptimality is
    the training loss itself, and there is no minimiser.

    Args:
        hidden: units in each hidden layer, from 1.
        layers: hidden layers, from 1.
        activation: tanh or relu.
        l2: regularisation :math:`\lambda` of the weights, biases excepted.
        batch_size: examples a step; null is all of them.
        test_size: share of the data held out, in [0.05, 0.95].

    Raises:
        ValueError: the batch is larger than the training set, or the network than memory allows.
    """

    metric_names: ClassVar = ("accuracy",)

    hidden: int = constant(32, Numbers(low=1, high=10_000, integer=True))
    layers: int = constant(1, Numbers(low=1, high=100, integer=True))
    activation: str = constant("tanh", Choice(("tanh", "relu")))
    l2: float = constant(1e-4, Numbers(low=0))
    batch_size: int | None = constant(64, Numbers(low=1, integer=True, optional=True))
    test_size: float = constant(0.25, Numbers(low=0.05, high=0.95))

    def check(self) -> None:
        if self.dim > MOST_PARAMETERS:
            raise ValueError(
                f"MLP: hidden={self.hidden} and layers={self.layers} make {self.dim:,} parameters, "
                f"at most {MOST_PARAMETERS:,}"
            )
        examples = len(self.split.y_train)
        if self.batch_size is not None and self.batch_size > examples:
            raise ValueError(
                f"MLP: batch_size must be at most {examples}, the training examples, got {self.batch_size}"
            )

    @property
    def split(self) -> Split:
        return load_split("digits", self.test_size)

    @property
    def data(self) -> Any:
        return self.split.x_train[:, :-1], self.split.y_train

    @property
    def layout(self) -> Layout:
        """Outputs, and inputs with one for the bias, of each layer."""
        widths = [self.split.x_train.shape[1] - 1, *[self.hidden] * self.layers, CLASSES]
        return {f"layer{i}": (outputs, inputs + 1) for i, (inputs, outputs) in enumerate(pairwise(widths))}

    def draw(self, rng: np.random.Generator) -> Arrays:
        gain = 2.0 if self.activation == "relu" else 1.0
        drawn = {
            name: np.sqrt(gain / (shape[1] - 1)) * rng.standard_normal(shape)
            for name, shape in self.layout.items()
        }
        for layer in drawn.values():
            layer[:, -1] = 0
        return drawn

    def loss(self, params: Arrays, batch: Any) -> Any:
        x, y = batch
        penalty = sum((layer[:, :-1] ** 2).sum() for layer in params.values())
        return cross_entropy(self.logits(params, x), y) + 0.5 * self.l2 * penalty

    def logits(self, params: Arrays, x: Any) -> Any:
        """Return the logits of examples (n, pixels): (n, classes)."""
        import jax.numpy as jnp

        *hidden, last = params.values()
        for layer in hidden:
            before = x @ layer[:, :-1].T + layer[:, -1]
            x = jnp.maximum(before, 0) if self.activation == "relu" else jnp.tanh(before)
        return x @ last[:, :-1].T + last[:, -1]

    def metrics(self, params: Arrays) -> dict[str, Any]:
        return {"accuracy": accuracy(self.logits(params, self.split.x_test[:, :-1]), self.split.y_test)}
