"""What networks are made of, in ``jax.numpy``, for the examples of one lane.

A layer is one array: a row for each output, a column for each input, and a last one for the bias.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

from problems.base import Array


def he(
    rng: np.random.Generator, layout: Mapping[str, tuple[int, ...]], gain: float = 2.0
) -> dict[str, Array]:
    """Return layers of variance gain / inputs without bias: 2 for relu (He et al., 2015), else 1."""
    return scaled(rng, layout, {name: gain / (shape[1] - 1) for name, shape in layout.items()})


def glorot(rng: np.random.Generator, layout: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """Return layers of variance 2 / (inputs + outputs) without bias (Glorot & Bengio, 2010)."""
    return scaled(rng, layout, {name: 2 / (sum(shape) - 1) for name, shape in layout.items()})


def scaled(
    rng: np.random.Generator, layout: Mapping[str, tuple[int, ...]], variance: Mapping[str, float]
) -> dict[str, Array]:
    """Return layers of normal numbers of these variances, biases 0."""
    drawn = {name: np.sqrt(variance[name]) * rng.standard_normal(shape) for name, shape in layout.items()}
    for layer in drawn.values():
        layer[:, -1] = 0
    return drawn


def dense(x: Any, layer: Any) -> Any:
    """Return the outputs of a layer given its inputs (examples, inputs)."""
    return x @ layer[:, :-1].T + layer[:, -1]


def convolution(x: Any, layer: Any, size: int = 3, stride: int = 1) -> Any:
    """Return the outputs of a convolution, given its inputs (channels, *space, examples).

    Space has one or two axes, and zeros around it, so that it stays as large but for the stride.
    What each place sees is laid out as a column, and one matrix product does all of them
    (Chellapilla et al., 2006): on a CPU that is many times faster than a convolution of many lanes.
    """
    import jax.numpy as jnp

    space = x.shape[1:-1]
    padded = jnp.pad(x, ((0, 0), *[(size // 2, size // 2)] * len(space), (0, 0)))
    seen = jnp.concatenate(
        [
            padded[:, *(slice(first, first + n, stride) for first, n in zip(firsts, space, strict=True))]
            for firsts in product(range(size), repeat=len(space))
        ]
    )
    outputs = layer[:, :-1] @ seen.reshape(len(seen), -1) + layer[:, -1:]
    return outputs.reshape(-1, *seen.shape[1:])


def halved(x: Any) -> Any:
    """Return the means of the blocks of 2 x 2 of images (channels, height, width, examples)."""
    channels, height, width, examples = x.shape
    return x.reshape(channels, height // 2, 2, width // 2, 2, examples).mean(axis=(2, 4))


def flattened(x: Any) -> Any:
    """Return (channels, *space, examples) as (examples, channels * space)."""
    return x.reshape(-1, x.shape[-1]).T


def activated(x: Any, activation: str) -> Any:
    """Return tanh or relu of all numbers; the slope of relu at 0 is 0."""
    import jax
    import jax.numpy as jnp

    return jax.nn.relu(x) if activation == "relu" else jnp.tanh(x)


def half_squares(params: Mapping[str, Any]) -> Any:
    """Return half the sum of the squares of all layers, biases excepted."""
    return 0.5 * sum((layer[:, :-1] ** 2).sum() for layer in params.values())


def cross_entropy(logits: Any, labels: Any) -> Any:
    """Return the mean of minus the log-probability of each label, given logits (..., classes)."""
    import jax
    import jax.numpy as jnp

    own = jnp.take_along_axis(logits, labels[..., None], axis=-1)[..., 0]
    return (jax.nn.logsumexp(logits, axis=-1) - own).mean()


def accuracy(logits: Any, labels: Any) -> Any:
    """Return the share of examples whose largest logit is their label's."""
    import jax.numpy as jnp

    return (logits.argmax(axis=-1) == jnp.asarray(labels, dtype=jnp.int32)).mean(dtype=logits.dtype)


def one_hot(labels: Any, classes: int, like: Any) -> Any:
    """Return labels (...) as rows of 0 and a 1, (..., classes), of the type of another array."""
    import jax.numpy as jnp

    return (jnp.asarray(labels)[..., None] == jnp.arange(classes)).astype(like.dtype)


def layer_norm(x: Any, gain_and_shift: Any) -> Any:
    """Return x with mean 0 and variance 1 along its last axis, scaled and shifted (Ba et al., 2016)."""
    import jax.numpy as jnp

    away = x - x.mean(axis=-1, keepdims=True)
    gain, shift = gain_and_shift
    return away / jnp.sqrt((away**2).mean(axis=-1, keepdims=True) + 1e-5) * gain + shift


def causal_attention(queries: Any, keys: Any, values: Any) -> Any:
    """Return what each place (..., places, size) takes from those up to it (Vaswani et al., 2017)."""
    import jax
    import jax.numpy as jnp

    places, size = queries.shape[-2:]
    scores = queries @ keys.swapaxes(-1, -2) / size**0.5
    before = jnp.tril(jnp.ones((places, places), bool))
    return jax.nn.softmax(jnp.where(before, scores, -jnp.inf), axis=-1) @ values
