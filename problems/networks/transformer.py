"""A transformer of one block that predicts the next character."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from problems.base import Layout, Numbers, constant, register
from problems.loss import Arrays, LossProblem
from problems.networks.layers import accuracy, causal_attention, cross_entropy, layer_norm, one_hot
from problems.networks.text import ALPHABET, load_windows


@register("transformer")
@dataclass(frozen=True, kw_only=True)
class Transformer(LossProblem):
    r"""One block of a causal transformer with softmax cross-entropy, on a text of small sums.

    With :math:`x_t` the embedding of a character plus that of its place in the window, N a
    layer normalisation, A attention in several heads to a place and those before it, and F a
    hidden layer four times as wide with gelu (Hendrycks & Gimpel, 2016),

    .. math:: y = x + A(N_1 x), \quad z = y + F(N_2 y)

    (Vaswani et al., 2017; normalised before, not after, as by Xiong et al., 2020), and f is the
    mean of :math:`-\log p(x_{t+1})` by the softmax of :math:`V N_3 z_t + c`. The text and the
    metric ``accuracy`` of the next character are those of ``char_rnn``.

    A seed draws the embeddings (variance 1), the weights (variance 1 / inputs, LeCun et al.,
    1998; biases 0; normalisations start with gain 1 and shift 0), and the order of the
    minibatches. The least loss is not known: ``minimum`` is the lower bound 0.

    Args:
        width: numbers in which a place is written, from 1.
        heads: heads of the attention, from 1; they share the width evenly.
        length: characters predicted in each window, from 1 to 256.
        batch_size: windows a step; null is all of them.

    Raises:
        ValueError: the heads do not divide the width, the batch is larger than the training
            text, or the network than memory allows.
    """

    metric_names: ClassVar = ("accuracy",)
    in_turn: ClassVar = True

    width: int = constant(32, Numbers(low=1, high=10_000, integer=True))
    heads: int = constant(2, Numbers(low=1, high=10_000, integer=True))
    length: int = constant(16, Numbers(low=1, high=256, integer=True))
    batch_size: int | None = constant(16, Numbers(low=1, integer=True, optional=True))

    def check(self) -> None:
        if self.width % self.heads:
            raise ValueError(
                f"Transformer: heads must divide the width, got width={self.width}, heads={self.heads}"
            )
        self.check_size(f"width={self.width} makes")
        of = f"the training windows of length={self.length}"
        self.check_batch(self.batch_size, len(self.data[0]), of)

    @property
    def data(self) -> Any:
        return (load_windows(self.length).train,)

    @property
    def layout(self) -> Layout:
        """Of layers: outputs, and inputs with one for the bias, but for the attention, which has none."""
        width, characters = self.width, len(ALPHABET)
        return {
            "characters": (characters, width),
            "places": (self.length, width),
            **dict.fromkeys(("norm1", "norm2", "norm3"), (2, width)),
            "attention": (3 * width, width),
            "joined": (width, width),
            "wide": (4 * width, width + 1),
            "narrow": (width, 4 * width + 1),
            "output": (characters, width + 1),
        }

    @property
    def floats_per_lane(self) -> int:
        places = (self.batch_size or len(self.data[0])) * self.length
        return 4 * self.dim + places * (24 * self.width + 4 * self.heads * self.length)

    def draw(self, rng: np.random.Generator) -> Arrays:
        drawn = {name: rng.standard_normal(shape) for name, shape in self.layout.items()}
        for name in ("norm1", "norm2", "norm3"):
            drawn[name][:] = [[1], [0]]
        for name in ("attention", "joined"):
            drawn[name] /= np.sqrt(self.width)
        for name in ("wide", "narrow", "output"):
            drawn[name] /= np.sqrt(drawn[name].shape[1] - 1)
            drawn[name][:, -1] = 0
        return drawn

    def loss(self, params: Arrays, batch: Any) -> Any:
        (windows,) = batch
        return cross_entropy(self.logits(params, windows[:, :-1]), windows[:, 1:])

    def logits(self, params: Arrays, x: Any) -> Any:
        """Return the logits of the next of characters (n, length): (n, length, characters)."""
        import jax

        first, places = params["characters"], params["places"]
        x = one_hot(x, len(ALPHABET), like=first) @ first + places
        x = x + self.attended(layer_norm(x, params["norm1"]), params["attention"]) @ params["joined"].T
        wide, narrow, last = (params[name] for name in ("wide", "narrow", "output"))
        hidden = layer_norm(x, params["norm2"]) @ wide[:, :-1].T + wide[:, -1]
        x = x + jax.nn.gelu(hidden, approximate=False) @ narrow[:, :-1].T + narrow[:, -1]
        return layer_norm(x, params["norm3"]) @ last[:, :-1].T + last[:, -1]

    def attended(self, x: Any, weights: Any) -> Any:
        """Return what each place takes from those it sees, the heads side by side: (n, length, width)."""
        n, length, width = x.shape
        by_head = (x @ weights.T).reshape(n, length, 3, self.heads, width // self.heads)
        queries, keys, values = by_head.transpose(2, 0, 3, 1, 4)
        return causal_attention(queries, keys, values).swapaxes(1, 2).reshape(n, length, width)

    def metrics(self, params: Arrays) -> dict[str, Any]:
        windows = load_windows(self.length).test
        return {"accuracy": accuracy(self.logits(params, windows[:, :-1]), windows[:, 1:])}
