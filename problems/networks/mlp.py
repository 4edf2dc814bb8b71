"""A multilayer perceptron on real data."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from problems.base import Choice, Layout, Numbers, Text, constant, register
from problems.data import OnData
from problems.loss import Arrays, LossProblem
from problems.networks.layers import (
    accuracy,
    activated,
    cross_entropy,
    dense,
    half_squares,
    he,
)


@register("mlp")
@dataclass(frozen=True, kw_only=True)
class MLP(OnData, LossProblem):
    r"""A fully connected network with softmax cross-entropy, on scikit-learn's digits or other data.

    .. math::
        h_0 = x, \quad h_l = \phi(W_l h_{l-1} + b_l), \quad
        f = \frac1n \sum_i -\log p_{y_i}(W_{L+1} h_L + b_{L+1}) + \frac{\lambda}{2} \|W\|^2

    A seed draws the weights (variance 2 / inputs for relu, He et al., 2015, and 1 / inputs
    for tanh, LeCun et al., 1998; biases 0) and the order of the minibatches. The metric
    ``accuracy`` is on the held-out rows.

    The least loss is not known: ``minimum`` is the lower bound 0, so that suboptimality is
    the training loss itself, and there is no minimiser.

    Args:
        data: digits, breast_cancer, iris or wine, or a file.
        target, missing, digest, test_size: see ``OnData``.
        hidden: units in each hidden layer, from 1.
        layers: hidden layers, from 1.
        activation: tanh or relu.
        l2: regularisation :math:`\lambda` of the weights, biases excepted.
        batch_size: examples a step; null is all of them.

    Raises:
        ValueError: the data cannot be used, the batch is larger than the training set, or the
            network than memory allows.
    """

    metric_names: ClassVar = ("accuracy",)

    data: str = constant("digits", Text())
    hidden: int = constant(32, Numbers(low=1, high=10_000, integer=True))
    layers: int = constant(1, Numbers(low=1, high=100, integer=True))
    activation: str = constant("tanh", Choice(("tanh", "relu")))
    l2: float = constant(1e-4, Numbers(low=0))
    batch_size: int | None = constant(64, Numbers(low=1, integer=True, optional=True))

    def check(self) -> None:
        self.check_size(f"hidden={self.hidden} and layers={self.layers} make")
        self.check_batch(self.batch_size, len(self.split.y_train))

    @property
    def examples(self) -> Any:
        return self.split.x_train[:, :-1], self.split.y_train

    @property
    def classes(self) -> int:
        return int(self.split.y_train.max()) + 1

    @property
    def layout(self) -> Layout:
        """Outputs, and inputs with one for the bias, of each layer."""
        widths = [self.split.x_train.shape[1] - 1, *[self.hidden] * self.layers, self.classes]
        return {f"layer{i}": (outputs, inputs + 1) for i, (inputs, outputs) in enumerate(pairwise(widths))}

    def draw(self, rng: np.random.Generator) -> Arrays:
        return he(rng, self.layout, gain=2 if self.activation == "relu" else 1)

    def loss(self, params: Arrays, batch: Any) -> Any:
        x, y = batch
        return cross_entropy(self.logits(params, x), y) + self.l2 * half_squares(params)

    def logits(self, params: Arrays, x: Any) -> Any:
        """Return the logits of examples (n, features): (n, classes)."""
        *hidden, last = params.values()
        for layer in hidden:
            x = activated(dense(x, layer), self.activation)
        return dense(x, last)

    def metrics(self, params: Arrays) -> dict[str, Any]:
        return {"accuracy": accuracy(self.logits(params, self.split.x_test[:, :-1]), self.split.y_test)}
