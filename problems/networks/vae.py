"""A variational autoencoder of the handwritten digits."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from problems.base import Layout, Numbers, constant, register
from problems.data import load_pixels
from problems.loss import Arrays, LossProblem
from problems.networks.layers import dense, glorot

PIXELS = 64
NOISE_SEED = 0
LARGEST_LOG_VARIANCE = 20.0


@register("vae")
@dataclass(frozen=True, kw_only=True)
class VAE(LossProblem):
    r"""A variational autoencoder of scikit-learn's digits, with pixels from 0 to 1 (Kingma & Welling, 2014).

    .. math::
        (\mu, \log \sigma^2) = W_2 \tanh(W_1 x + b_1) + b_2, \quad z = \mu + \sigma \epsilon, \quad
        p = s(W_4 \tanh(W_3 z + b_3) + b_4), \\
        f = \frac1n \sum_i \Big[ -\sum_j x_j \log p_j + (1 - x_j) \log (1 - p_j)
        + \frac12 \sum_k \mu_k^2 + \sigma_k^2 - 1 - \log \sigma_k^2 \Big]_i

    The mean over examples of minus the evidence lower bound: the cross-entropy of pixels, read
    as probabilities, and the divergence of the Gaussian code from the standard normal one.

    The noise :math:`\epsilon` is a table, one vector for each example, drawn once and the same
    for every seed and step. So the loss on all data is a plain function of the parameters, a
    sample average of the bound, and a step draws nothing but its minibatch. The log-variance is
    held within 20 of 0, where training does not come: no parameters make it overflow.

    A seed draws the weights (variance 2 / (inputs + outputs), Glorot & Bengio, 2010; biases 0)
    and the order of the minibatches. All digits are used, and none held out.

    The least loss is not known: ``minimum`` is a lower bound, the mean entropy of the pixels,
    below which no cross-entropy falls, and there is no minimiser.

    Args:
        hidden: units of the encoder's and the decoder's hidden layer, from 1.
        code: numbers of the code, from 1.
        batch_size: examples a step; null is all of them.

    Raises:
        ValueError: the batch is larger than the data, or the network than memory allows.
    """

    hidden: int = constant(32, Numbers(low=1, high=10_000, integer=True))
    code: int = constant(8, Numbers(low=1, high=10_000, integer=True))
    batch_size: int | None = constant(64, Numbers(low=1, integer=True, optional=True))

    def check(self) -> None:
        self.check_size(f"hidden={self.hidden} and code={self.code} make")
        self.check_batch(self.batch_size, len(load_pixels()))

    @property
    def least(self) -> float:  # type: ignore[override]  # it depends on the data
        from scipy.special import entr  # here: it takes longer to load than all the rest

        x = load_pixels()
        return float((entr(x) + entr(1 - x)).sum(axis=1).mean())

    @property
    def data(self) -> Any:
        """The pixels, and the noise on each example's code."""
        x = load_pixels()
        return x, np.random.default_rng(NOISE_SEED).standard_normal((len(x), self.code))

    @property
    def layout(self) -> Layout:
        """Outputs, and inputs with one for the bias, of each layer."""
        return {
            "encoder": (self.hidden, PIXELS + 1),
            "moments": (2 * self.code, self.hidden + 1),
            "decoder": (self.hidden, self.code + 1),
            "pixels": (PIXELS, self.hidden + 1),
        }

    def draw(self, rng: np.random.Generator) -> Arrays:
        return glorot(rng, self.layout)

    def loss(self, params: Arrays, batch: Any) -> Any:
        import jax
        import jax.numpy as jnp

        x, noise = batch
        moments = dense(jnp.tanh(dense(x, params["encoder"])), params["moments"])
        mean, log_variance = moments[:, : self.code], moments[:, self.code :]
        log_variance = jnp.clip(log_variance, -LARGEST_LOG_VARIANCE, LARGEST_LOG_VARIANCE)
        code = mean + jnp.exp(0.5 * log_variance) * noise
        logits = dense(jnp.tanh(dense(code, params["decoder"])), params["pixels"])
        surprise = (jax.nn.softplus(logits) - x * logits).sum(axis=1)
        divergence = 0.5 * (mean**2 + jnp.exp(log_variance) - 1 - log_variance).sum(axis=1)
        return (surprise + divergence).mean()
