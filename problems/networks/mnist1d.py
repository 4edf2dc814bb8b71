"""A network on MNIST-1D."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from problems.base import Choice, Layout, Numbers, constant, register
from problems.data import load_mnist1d
from problems.loss import Arrays, LossProblem
from problems.networks.layers import (
    accuracy,
    activated,
    convolution,
    cross_entropy,
    dense,
    flattened,
    half_squares,
    he,
)

CLASSES, LENGTH, EXAMPLES = 10, 40, 4000
SIZES = 5, 3, 3
"""Of the convolutions, each of which halves the signal."""


@register("mnist1d")
@dataclass(frozen=True, kw_only=True)
class MNIST1D(LossProblem):
    r"""A network with softmax cross-entropy on MNIST-1D: signals of 40 numbers, of ten classes.

    .. math::
        f = \frac1n \sum_i -\log p_{y_i}(W h_i + b) + \frac{\lambda}{2} \|W\|^2

    The data (Greydanus, 2020; Greydanus & Kobak, 2024) are ten templates that are padded,
    stretched, moved, sheared and blurred by noise at random: small, yet a network that knows of
    neighbourhood does far better than one that does not. They are made by the authors' package
    from the authors' seed: 4000 to train on, 1000 for the metric ``accuracy``, each feature
    standardised, the same for every seed.

    :math:`h` is, as in that article, two hidden layers (mlp), or three convolutions of 5, 3
    and 3 places that halve the signal (conv), here with zeros around it so that 5 places are left.

    A seed draws the weights (variance 2 / inputs for relu, He et al., 2015, and 1 / inputs
    for tanh, LeCun et al., 1998; biases 0) and the order of the minibatches.

    The least loss is not known: ``minimum`` is the lower bound 0, so that suboptimality is
    the training loss itself, and there is no minimiser.

    Args:
        network: mlp or conv.
        hidden: units of each hidden layer, or channels of each convolution, from 1.
        activation: relu or tanh.
        l2: regularisation :math:`\lambda` of the weights, biases excepted.
        batch_size: examples a step, at most 4000; null is all of them.

    Raises:
        ValueError: the batch is larger than the training set, or the network than memory allows.
    """

    metric_names: ClassVar = ("accuracy",)

    network: str = constant("mlp", Choice(("mlp", "conv")))
    hidden: int = constant(32, Numbers(low=1, high=10_000, integer=True))
    activation: str = constant("relu", Choice(("relu", "tanh")))
    l2: float = constant(1e-4, Numbers(low=0))
    batch_size: int | None = constant(64, Numbers(low=1, integer=True, optional=True))

    def check(self) -> None:
        self.check_size(f"network={self.network} and hidden={self.hidden} make")
        self.check_batch(self.batch_size, EXAMPLES)

    @property
    def in_turn(self) -> bool:  # type: ignore[override]  # convolutions fill the cache with one lane
        return self.network == "conv"

    @property
    def data(self) -> Any:
        split = load_mnist1d()
        return split.x_train[:, :-1], split.y_train

    @property
    def layout(self) -> Layout:
        """Outputs, and inputs with one for the bias, of each layer."""
        if self.network == "mlp":
            inputs = [LENGTH, self.hidden, self.hidden]
        else:
            channels, left = [1, self.hidden, self.hidden], LENGTH // 2 ** len(SIZES)
            inputs = [*(n * size for n, size in zip(channels, SIZES, strict=True)), self.hidden * left]
        outputs = [self.hidden] * (len(inputs) - 1) + [CLASSES]
        return {f"layer{i}": (n, m + 1) for i, (m, n) in enumerate(zip(inputs, outputs, strict=True))}

    def draw(self, rng: np.random.Generator) -> Arrays:
        return he(rng, self.layout, gain=2 if self.activation == "relu" else 1)

    def loss(self, params: Arrays, batch: Any) -> Any:
        x, y = batch
        return cross_entropy(self.logits(params, x), y) + self.l2 * half_squares(params)

    def logits(self, params: Arrays, x: Any) -> Any:
        """Return the logits of examples (n, 40): (n, classes)."""
        *hidden, last = params.values()
        if self.network == "mlp":
            for layer in hidden:
                x = activated(dense(x, layer), self.activation)
            return dense(x, last)
        x = x.T[None]
        for layer, size in zip(hidden, SIZES, strict=True):
            x = activated(convolution(x, layer, size, stride=2), self.activation)
        return dense(flattened(x), last)

    def metrics(self, params: Arrays) -> dict[str, Any]:
        split = load_mnist1d()
        return {"accuracy": accuracy(self.logits(params, split.x_test[:, :-1]), split.y_test)}
