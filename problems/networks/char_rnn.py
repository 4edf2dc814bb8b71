"""A recurrent network that predicts the next character."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from problems.base import Choice, Layout, Numbers, constant, register
from problems.loss import Arrays, LossProblem
from problems.matrices import orthogonal
from problems.networks.layers import accuracy, cross_entropy, one_hot
from problems.networks.text import ALPHABET, load_windows


@register("char_rnn")
@dataclass(frozen=True, kw_only=True)
class CharRNN(LossProblem):
    r"""A recurrent network over characters with softmax cross-entropy, on a text of small sums.

    The state h starts at 0 in each window of the text; with :math:`x_t` the character, one-hot,

    .. math::
        \text{tanh:} \quad & h_t = \tanh(W x_t + b + U h_{t-1}) \\
        \text{gru:} \quad & r_t, z_t = \sigma(W_{r,z}\, x_t + b_{r,z} + U_{r,z}\, h_{t-1}), \quad
        n_t = \tanh(W_n x_t + b_n + r_t \odot U_n h_{t-1}) \\
        & h_t = (1 - z_t) \odot n_t + z_t \odot h_{t-1}

    (Elman, 1990; Cho et al., 2014, with the reset after the product), and f is the mean of
    :math:`-\log p(x_{t+1})` by the softmax of :math:`V h_t + c`. The text, ``7+15=22;`` and so
    on, is made by a fixed rule (problems/networks/text.py): 2,048 characters to train on, and
    1,024 held out, on which the metric ``accuracy`` of the next character is taken. Two fifths
    of the characters, the digits of the terms, are drawn at random: neither loss nor accuracy
    can be perfect on what is held out.

    A seed draws W and V (variance 1 / inputs, LeCun et al., 1998), each gate's U (orthogonal,
    Saxe et al., 2014; biases 0), and the order of the minibatches. The least loss is not known:
    ``minimum`` is the lower bound 0.

    Args:
        hidden: units of the state, from 1 to 256.
        cell: gru or tanh.
        length: characters predicted in each window, from 1 to 256.
        batch_size: windows a step; null is all of them.

    Raises:
        ValueError: the batch is larger than the training text.
    """

    metric_names: ClassVar = ("accuracy",)
    in_turn: ClassVar = True

    hidden: int = constant(32, Numbers(low=1, high=256, integer=True))
    cell: str = constant("gru", Choice(("gru", "tanh")))
    length: int = constant(16, Numbers(low=1, high=256, integer=True))
    batch_size: int | None = constant(16, Numbers(low=1, integer=True, optional=True))

    def check(self) -> None:
        of = f"the training windows of length={self.length}"
        self.check_batch(self.batch_size, len(self.data[0]), of)

    @property
    def data(self) -> Any:
        return (load_windows(self.length).train,)

    @property
    def layout(self) -> Layout:
        """Outputs, and inputs with one for the bias, but for the state, which has none."""
        gated = self.hidden * (3 if self.cell == "gru" else 1)
        return {
            "input": (gated, len(ALPHABET) + 1),
            "state": (gated, self.hidden),
            "output": (len(ALPHABET), self.hidden + 1),
        }

    @property
    def floats_per_lane(self) -> int:
        windows = self.batch_size or len(self.data[0])
        return 4 * self.dim + 12 * windows * self.length * self.hidden

    def draw(self, rng: np.random.Generator) -> Arrays:
        drawn = {
            name: rng.standard_normal(shape) / np.sqrt(shape[1] - 1)
            for name, shape in self.layout.items()
            if name != "state"
        }
        for layer in drawn.values():
            layer[:, -1] = 0
        gates = self.layout["state"][0] // self.hidden
        return {**drawn, "state": np.concatenate([orthogonal(rng, self.hidden) for _ in range(gates)])}

    def loss(self, params: Arrays, batch: Any) -> Any:
        (windows,) = batch
        return cross_entropy(self.logits(params, windows[:, :-1]), windows[:, 1:])

    def logits(self, params: Arrays, x: Any) -> Any:
        """Return the logits of the next of characters (n, length): (n, length, characters)."""
        import jax
        import jax.numpy as jnp

        first, own, last = (params[name] for name in ("input", "state", "output"))
        driven = one_hot(x.T, len(ALPHABET), like=own) @ first[:, :-1].T + first[:, -1]
        cell = gated if self.cell == "gru" else plain

        def step(state: Any, drive: Any) -> tuple[Any, Any]:
            after = cell(state, drive, state @ own.T)
            return after, after

        states = jax.lax.scan(step, jnp.zeros((len(x), self.hidden), own.dtype), driven, unroll=8)[1]
        return states.swapaxes(0, 1) @ last[:, :-1].T + last[:, -1]

    def metrics(self, params: Arrays) -> dict[str, Any]:
        windows = load_windows(self.length).test
        return {"accuracy": accuracy(self.logits(params, windows[:, :-1]), windows[:, 1:])}


def plain(state: Any, drive: Any, own: Any) -> Any:
    """Return the next state of a cell without gates."""
    import jax.numpy as jnp

    return jnp.tanh(drive + own)


def gated(state: Any, drive: Any, own: Any) -> Any:
    """Return the next state of a gated recurrent unit: its reset, update and candidate, in this order."""
    import jax
    import jax.numpy as jnp

    (reset, update, new), (own_reset, own_update, own_new) = (jnp.split(x, 3, axis=-1) for x in (drive, own))
    candidate = jnp.tanh(new + jax.nn.sigmoid(reset + own_reset) * own_new)
    keep = jax.nn.sigmoid(update + own_update)
    return candidate + keep * (state - candidate)
