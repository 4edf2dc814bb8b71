"""A multilayer perceptron on the handwritten digits."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from problems.base import Array, Choice, Instance, Numbers, Problem, Seeds, constant, register
from problems.data import Split, batch_rows, load_split

CLASSES = 10
MOST_PARAMETERS = 250_000  # 64 lanes of them, with all that goes with them, are about a gigabyte
CHUNK = 128  # examples that are computed at a time, so that their numbers stay in the cache


@register("mlp")
@dataclass(frozen=True, kw_only=True)
class MLP(Problem):
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

    lane_multiple: ClassVar[int] = 8  # each lane has matrix products of its own

    hidden: int = constant(32, Numbers(low=1, high=10_000, integer=True))
    layers: int = constant(1, Numbers(low=1, high=100, integer=True))
    activation: str = constant("tanh", Choice(("tanh", "relu")))
    l2: float = constant(1e-4, Numbers(low=0))
    batch_size: int | None = constant(64, Numbers(low=1, integer=True, optional=True))
    test_size: float = constant(0.25, Numbers(low=0.05, high=0.95))

    def check(self) -> None:
        parameters = sum(outputs * inputs for outputs, inputs in self.shapes)
        if parameters > MOST_PARAMETERS:
            raise ValueError(
                f"MLP: hidden={self.hidden} and layers={self.layers} make {parameters:,} parameters, "
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
    def shapes(self) -> list[tuple[int, int]]:
        """Outputs, and inputs with one for the bias, of each layer."""
        widths = [self.split.x_train.shape[1] - 1, *[self.hidden] * self.layers, CLASSES]
        return [(outputs, inputs + 1) for inputs, outputs in pairwise(widths)]

    @property
    def floats_per_lane(self) -> int:
        return CHUNK * (self.layers * self.hidden + CLASSES) + 3 * sum(
            rows * columns for rows, columns in self.shapes
        )

    @property
    def metric_names(self) -> tuple[str, ...]:
        return ("accuracy",)

    def instance(self, seeds: Seeds) -> "Networks":
        distinct, lane = np.unique(seeds, return_inverse=True)
        drawn = np.stack([self.weights(int(seed)) for seed in distinct], axis=1)
        return Networks(self, seeds, drawn.take(lane, axis=1))

    def weights(self, seed: int) -> Array:
        """Return the weights that ``seed`` draws, biases in each layer's last column, flat."""
        rng = np.random.default_rng(seed)
        gain = 2.0 if self.activation == "relu" else 1.0
        layers = [
            np.sqrt(gain / (inputs - 1)) * rng.standard_normal((inputs, outputs))
            for inputs, outputs in self.shapes
        ]
        for layer in layers:
            layer[:, -1] = 0
        return np.concatenate([layer.ravel() for layer in layers])


class Networks(Instance):
    """One network per lane.

    Inside, the lanes come first and the examples last: each lane's matrix products are
    its own, so that its bits do not depend on its company.
    """

    def __init__(self, problem: MLP, seeds: Seeds, start: Array) -> None:
        split = problem.split
        self.x_train, self.x_test = split.x_train[:, :-1], split.x_test[:, :-1]
        self.y_train, self.y_test = split.y_train, split.y_test
        self.shapes = problem.shapes
        self.activation = problem.activation
        self.l2 = problem.l2
        self.batch_size = problem.batch_size
        self.stochastic = problem.batch_size is not None
        self.seeds = seeds
        self.start = start
        self.minimum = np.zeros(len(seeds))
        self.minimiser = None

    def loss(self, params: Array) -> Array:
        layers = self.layers(params)
        total = np.zeros(params.shape[1])
        for rows in self.chunks():
            total += self.cross_entropy(self.forward(layers, self.x_train[rows])[-1], rows)[0]
        return total / len(self.y_train) + self.penalty(layers)

    def loss_and_grad(self, params: Array, step: int | None) -> tuple[Array, Array]:
        layers = self.layers(params)
        batches = list(self.chunks()) if self.batch_size is None or step is None else [self.batch(step)]
        loss = np.zeros(params.shape[1])
        grads = [np.zeros_like(layer) for layer in layers]
        for rows in batches:
            chunk_loss, chunk_grads = self.backward(layers, rows)
            loss += chunk_loss
            grads = [total + part for total, part in zip(grads, chunk_grads, strict=True)]
        examples = sum(rows.shape[1] for rows in batches)
        whole = [g / examples + self.decay(layer) for g, layer in zip(grads, layers, strict=True)]
        flat = np.concatenate([g.reshape(len(g), -1) for g in whole], axis=1)
        return loss / examples + self.penalty(layers), np.ascontiguousarray(flat.T)

    def layers(self, params: Array) -> list[Array]:
        """Return the weights of each layer, shape (lanes, outputs, inputs + 1)."""
        flat = np.ascontiguousarray(params.T)
        ends = np.cumsum([outputs * inputs for outputs, inputs in self.shapes])[:-1]
        parts = np.split(flat, ends, axis=1)
        return [part.reshape(len(flat), *shape) for part, shape in zip(parts, self.shapes, strict=True)]

    def chunks(self) -> Iterator[NDArray[np.int64]]:
        """Yield all training rows in chunks, shape (1, examples): the same for every lane."""
        rows = np.arange(len(self.y_train))
        for first in range(0, len(rows), CHUNK):
            yield rows[None, first : first + CHUNK]

    def batch(self, step: int) -> NDArray[np.int64]:
        """Return the training rows that each lane sees at ``step``, shape (lanes, batch_size)."""
        assert self.batch_size is not None
        distinct, lane = np.unique(self.seeds, return_inverse=True)
        examples = len(self.y_train)
        return np.stack([batch_rows(int(seed), step, self.batch_size, examples) for seed in distinct])[lane]

    def forward(self, layers: list[Array], x: Array) -> list[Array]:
        """Return what enters each layer, and last the logits: (lanes, units, examples) each.

        ``x`` has shape (lanes or 1, examples, pixels).
        """
        values = [np.ascontiguousarray(x.transpose(0, 2, 1))]
        for layer in layers[:-1]:
            before = layer[:, :, :-1] @ values[-1] + layer[:, :, -1:]
            values.append(np.maximum(before, 0) if self.activation == "relu" else np.tanh(before))
        return [*values, layers[-1][:, :, :-1] @ values[-1] + layers[-1][:, :, -1:]]

    def cross_entropy(self, logits: Array, rows: NDArray[np.int64]) -> tuple[Array, Array]:
        """Return the loss summed over ``rows``, (lanes,), and its slope in the logits."""
        onehot = (self.y_train[rows][:, None, :] == np.arange(CLASSES)[:, None]).astype(float)
        logits = logits - logits.max(axis=1, keepdims=True)  # exp never overflows
        weights = np.exp(logits)
        total = weights.sum(axis=1, keepdims=True)
        loss = np.log(total[:, 0]).sum(axis=1) - (logits * onehot).sum(axis=(1, 2))
        return loss, weights / total - onehot

    def backward(self, layers: list[Array], rows: NDArray[np.int64]) -> tuple[Array, list[Array]]:
        """Return the loss summed over ``rows`` and its gradient in each layer, by the chain rule."""
        *inputs, logits = self.forward(layers, self.x_train[rows])
        loss, slope = self.cross_entropy(logits, rows)
        grads: list[Array] = []
        for layer, before in zip(reversed(layers), reversed(inputs), strict=True):
            of_weights = slope @ before.transpose(0, 2, 1)
            grads.insert(0, np.concatenate([of_weights, slope.sum(axis=2, keepdims=True)], axis=2))
            slope = (layer[:, :, :-1].transpose(0, 2, 1) @ slope) * self.derivative(before)
        return loss, grads

    def derivative(self, activated: Array) -> Array:
        """Return the activation's derivative, from its value."""
        return (activated > 0).astype(float) if self.activation == "relu" else 1 - activated**2

    def decay(self, layer: Array) -> Array:
        """Return the gradient of the penalty: biases, in the last column, have none."""
        grads = self.l2 * layer
        grads[:, :, -1] = 0
        return grads

    def penalty(self, layers: list[Array]) -> Array:
        return np.asarray(sum(0.5 * self.l2 * (layer[:, :, :-1] ** 2).sum(axis=(1, 2)) for layer in layers))

    def metrics(self, params: Array) -> dict[str, Array]:
        logits = self.forward(self.layers(params), self.x_test[None])[-1]
        accuracy = (logits.argmax(axis=1) == self.y_test).mean(axis=1)
        return {"accuracy": np.where(np.isfinite(params).all(axis=0), accuracy, np.nan)}
