"""A convolutional network on the handwritten digits."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from problems.base import Choice, Layout, Numbers, constant, register
from problems.data import Split, load_split
from problems.loss import Arrays, LossProblem
from problems.networks.layers import (
    accuracy,
    activated,
    convolution,
    cross_entropy,
    dense,
    flattened,
    half_squares,
    halved,
    he,
)

CLASSES = 10
SIDE = 8


@register("convnet")
@dataclass(frozen=True, kw_only=True)
class ConvNet(LossProblem):
    r"""A small convolutional network with softmax cross-entropy, on scikit-learn's digits of 8 x 8 pixels.

    .. math::
        h_1 = \text{mean}_{2 \times 2}\, \phi(W_1 * x + b_1), \quad h_2 = \phi(W_2 * h_1 + b_2), \quad
        f = \frac1n \sum_i -\log p_{y_i}(W_3 h_2 + b_3) + \frac{\lambda}{2} \|W\|^2

    Both convolutions are 3 x 3 with zeros around the image, the second with twice the channels
    of the first; the means of 2 x 2 pixels stand between them (LeCun et al., 1989 and 1998, on
    smaller images).

    A seed draws the weights (variance 2 / inputs for relu, He et al., 2015, and 1 / inputs
    for tanh, LeCun et al., 1998; biases 0) and the order of the minibatches. The data are
    split once, stratified, and each pixel standardised, the same way for every seed; the metric
    ``accuracy`` is on the held-out part.

    The least loss is not known: ``minimum`` is the lower bound 0, so that suboptimality is
    the training loss itself, and there is no minimiser.

    Args:
        channels: channels of the first convolution, from 1.
        activation: relu or tanh.
        l2: regularisation :math:`\lambda` of the weights, biases excepted.
        batch_size: examples a step; null is all of them.
        test_size: share of the data held out, in [0.05, 0.95].

    Raises:
        ValueError: the batch is larger than the training set, or the network than memory allows.
    """

    metric_names: ClassVar = ("accuracy",)
    in_turn: ClassVar = True

    channels: int = constant(8, Numbers(low=1, high=1000, integer=True))
    activation: str = constant("relu", Choice(("relu", "tanh")))
    l2: float = constant(1e-4, Numbers(low=0))
    batch_size: int | None = constant(64, Numbers(low=1, integer=True, optional=True))
    test_size: float = constant(0.25, Numbers(low=0.05, high=0.95))

    def check(self) -> None:
        self.check_size(f"channels={self.channels} make")
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
        first, second, places = self.channels, 2 * self.channels, (SIDE // 2) ** 2
        return {
            "conv1": (first, 9 + 1),
            "conv2": (second, 9 * first + 1),
            "dense": (CLASSES, second * places + 1),
        }

    def draw(self, rng: np.random.Generator) -> Arrays:
        return he(rng, self.layout, gain=2 if self.activation == "relu" else 1)

    def loss(self, params: Arrays, batch: Any) -> Any:
        x, y = batch
        return cross_entropy(self.logits(params, x), y) + self.l2 * half_squares(params)

    def logits(self, params: Arrays, x: Any) -> Any:
        """Return the logits of examples (n, pixels): (n, classes)."""
        images = x.T.reshape(1, SIDE, SIDE, -1)
        once = halved(activated(convolution(images, params["conv1"]), self.activation))
        twice = activated(convolution(once, params["conv2"]), self.activation)
        return dense(flattened(twice), params["dense"])

    def metrics(self, params: Arrays) -> dict[str, Any]:
        return {"accuracy": accuracy(self.logits(params, self.split.x_test[:, :-1]), self.split.y_test)}
