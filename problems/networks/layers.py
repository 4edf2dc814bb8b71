"""What networks are made of, in ``jax.numpy``, for the examples of one lane."""

from typing import Any


def cross_entropy(logits: Any, labels: Any) -> Any:
    """Return the mean of minus the log-probability of each label, given logits (..., classes)."""
    import jax
    import jax.numpy as jnp

    own = jnp.take_along_axis(logits, labels[..., None], axis=-1)[..., 0]
    return (jax.nn.logsumexp(logits, axis=-1) - own).mean()


def accuracy(logits: Any, labels: Any) -> Any:
    """Return the share of examples whose largest logit is their label's."""
    import jax.numpy as jnp

    return (logits.argmax(axis=-1) == jnp.asarray(labels)).mean(dtype=logits.dtype)


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
