"""A multilayer perceptron on the handwritten digits."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from problems.base import Choice, Layout, Numbers, constant, register
from problems.data import Split, load_split
from problems.loss import Arrays, LossProblem
from problems.networks.layers import (
    accuracy,
    activated,
    cross_entropy,
    dense,
    half_squares,
    he,
)

CLASSES = 10


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
        self.check_size(f"hidden={self.hidden} and layers={self.layers} make")
        self.check_batch(self.batch_size, len(self.split.y_train))

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
        return he(rng, self.layout, gain=2 if self.activation == "relu" else 1)

    def loss(self, params: Arrays, batch: Any) -> Any:
        x, y = batch
        return cross_entropy(self.logits(params, x), y) + self.l2 * half_squares(params)

    def logits(self, params: Arrays, x: Any) -> Any:
        """Return the logits of examples (n, pixels): (n, classes)."""
        *hidden, last = params.values()
        for layer in hidden:
            x = activated(dense(x, layer), self.activation)
        return dense(x, last)

    def metrics(self, params: Arrays) -> dict[str, Any]:
        return {"accuracy": accuracy(self.logits(params, self.split.x_test[:, :-1]), self.split.y_test)}
