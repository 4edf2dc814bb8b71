"""An autoencoder of the handwritten digits."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from problems.base import Layout, Numbers, constant, register
from problems.data import load_pixels
from problems.loss import Arrays, LossProblem
from problems.networks.layers import dense, glorot, half_squares

PIXELS = 64


@register("autoencoder")
@dataclass(frozen=True, kw_only=True)
class Autoencoder(LossProblem):
    r"""A deep autoencoder with mean squared error, on scikit-learn's digits with pixels from 0 to 1.

    .. math::
        h = \tanh(W_1 x + b_1), \quad c = \tanh(W_2 h + b_2), \quad g = \tanh(W_3 c + b_3), \quad
        f = \frac{1}{64 n} \sum_i \|W_4 g_i + b_4 - x_i\|^2 + \frac{\lambda}{2} \|W\|^2

    Learning to give back what came in through a narrow code (Hinton & Salakhutdinov, 2006) is a
    classic trial of optimizers (Martens, 2010): the narrow layer makes it badly conditioned.

    A seed draws the weights (variance 2 / (inputs + outputs), Glorot & Bengio, 2010; biases 0)
    and the order of the minibatches. All digits are used, and none held out.

    The least loss is not known: ``minimum`` is the lower bound 0, so that suboptimality is
    the loss itself, and there is no minimiser.

    Args:
        hidden: units in the layers before and after the code, from 1.
        code: units of the code, from 1.
        l2: regularisation :math:`\lambda` of the weights, biases excepted.
        batch_size: examples a step; null is all of them.

    Raises:
        ValueError: the batch is larger than the data, or the network than memory allows.
    """

    hidden: int = constant(32, Numbers(low=1, high=10_000, integer=True))
    code: int = constant(8, Numbers(low=1, high=10_000, integer=True))
    l2: float = constant(1e-5, Numbers(low=0))
    batch_size: int | None = constant(64, Numbers(low=1, integer=True, optional=True))

    def check(self) -> None:
        self.check_size(f"hidden={self.hidden} and code={self.code} make")
        self.check_batch(self.batch_size, len(load_pixels()))

    @property
    def data(self) -> Any:
        return (load_pixels(),)

    @property
    def layout(self) -> Layout:
        """Outputs, and inputs with one for the bias, of each layer."""
        widths = PIXELS, self.hidden, self.code, self.hidden, PIXELS
        return {f"layer{i}": (outputs, inputs + 1) for i, (inputs, outputs) in enumerate(pairwise(widths))}

    def draw(self, rng: np.random.Generator) -> Arrays:
        return glorot(rng, self.layout)

    def loss(self, params: Arrays, batch: Any) -> Any:
        import jax.numpy as jnp

        (x,) = batch
        *before, last = params.values()
        h = x
        for layer in before:
            h = jnp.tanh(dense(h, layer))
        return ((dense(h, last) - x) ** 2).mean() + self.l2 * half_squares(params)
