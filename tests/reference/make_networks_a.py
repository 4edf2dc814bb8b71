"""Make ``networks_a.npz``: loss and gradient of networks by PyTorch, without our code.

The networks are written out here a second time, with PyTorch's own layers, on data that are
loaded and split here again. Run it where the extra ``peers`` is installed:
``python tests/reference/make_networks_a.py``.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from mnist1d.data import make_dataset
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

FILE = Path(__file__).with_name("networks_a.npz")
DRAWS = 3
SCALE = 0.3  # of the drawn parameters, biases included
L2 = 0.01
Layers = list[tuple[torch.Tensor, torch.Tensor]]

SHAPES = {
    "convnet": [(2, 9), (4, 18), (10, 64)],
    "autoencoder": [(5, 64), (3, 5), (5, 3), (64, 5)],
    "vae": [(5, 64), (6, 5), (5, 3), (64, 5)],
    "mnist1d": [(4, 40), (4, 4), (10, 4)],
    "mnist1d conv": [(3, 5), (3, 9), (3, 9), (10, 15)],
}
"""Outputs and inputs of each layer."""


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Return the standardised training part of the digits, and its labels."""
    x, y = load_digits(return_X_y=True)
    x, _, y, _ = train_test_split(x, y, test_size=0.25, stratify=y, random_state=0)
    return torch.tensor(StandardScaler().fit_transform(x)), torch.tensor(y)


def signals() -> tuple[torch.Tensor, torch.Tensor]:
    """Return the standardised training part of MNIST-1D, and its labels."""
    made = make_dataset()
    return torch.tensor(StandardScaler().fit_transform(made["x"])), torch.tensor(made["y"])


def penalty(layers: Layers) -> torch.Tensor:
    return L2 / 2 * sum(weight.square().sum() for weight, _ in layers)


def convnet(layers: Layers) -> torch.Tensor:
    x, y = digits()
    (w1, b1), (w2, b2), (w3, b3) = layers
    h = F.relu(F.conv2d(x.reshape(-1, 1, 8, 8), filters(w1, 1, 3, 3), b1, padding=1))
    h = F.relu(F.conv2d(F.avg_pool2d(h, 2), filters(w2, 2, 3, 3), b2, padding=1))
    return F.cross_entropy(F.linear(h.flatten(1), w3, b3), y) + penalty(layers)


def filters(weight: torch.Tensor, channels: int, *size: int) -> torch.Tensor:
    """Return the weights of a convolution as PyTorch has them: in ours the channels come last."""
    return weight.reshape(len(weight), *size, channels).movedim(-1, 1)


def autoencoder(layers: Layers) -> torch.Tensor:
    x = h = torch.tensor(load_digits().data / 16)
    for weight, bias in layers[:-1]:
        h = torch.tanh(F.linear(h, weight, bias))
    return F.mse_loss(F.linear(h, *layers[-1]), x) + penalty(layers)


def vae(layers: Layers) -> torch.Tensor:
    x = torch.tensor(load_digits().data / 16)
    noise = torch.tensor(np.random.default_rng(0).standard_normal((len(x), 3)))
    encoder, moments, decoder, pixels = layers
    mean, log_variance = F.linear(torch.tanh(F.linear(x, *encoder)), *moments).chunk(2, dim=1)
    code = torch.distributions.Normal(mean, (log_variance / 2).exp())
    logits = F.linear(torch.tanh(F.linear(code.loc + code.scale * noise, *decoder)), *pixels)
    surprise = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    normal = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    return (surprise + torch.distributions.kl_divergence(code, normal).sum()) / len(x)


def mnist1d(layers: Layers) -> torch.Tensor:
    h, y = signals()
    for weight, bias in layers[:-1]:
        h = F.relu(F.linear(h, weight, bias))
    return F.cross_entropy(F.linear(h, *layers[-1]), y) + penalty(layers)


def mnist1d_conv(layers: Layers) -> torch.Tensor:
    x, y = signals()
    h = x[:, None]
    for (weight, bias), size in zip(layers, (5, 3, 3), strict=False):
        w = filters(weight, h.shape[1], size)
        h = F.relu(F.conv1d(h, w, bias, stride=2, padding=size // 2))
    return F.cross_entropy(F.linear(h.flatten(1), *layers[-1]), y) + penalty(layers)


LOSSES = {
    "convnet": convnet,
    "autoencoder": autoencoder,
    "vae": vae,
    "mnist1d": mnist1d,
    "mnist1d conv": mnist1d_conv,
}


def cut(params: torch.Tensor, shapes: list[tuple[int, int]]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield weight and bias of each layer: in our order a row is an output, its bias last."""
    for outputs, inputs in shapes:
        layer, params = params[: outputs * (inputs + 1)], params[outputs * (inputs + 1) :]
        layer = layer.reshape(outputs, inputs + 1)
        yield layer[:, :-1], layer[:, -1]
    assert len(params) == 0


def main() -> None:
    torch.set_num_threads(1)
    arrays = {"versions": np.array(f"torch {torch.__version__}, numpy {np.__version__}")}
    for name, shapes in SHAPES.items():
        dim = sum(outputs * (inputs + 1) for outputs, inputs in shapes)
        params = SCALE * np.random.default_rng(1).standard_normal((dim, DRAWS))
        losses, grads = [], []
        for lane in range(DRAWS):
            flat = torch.tensor(params[:, lane], requires_grad=True)
            loss = LOSSES[name](list(cut(flat, shapes)))
            loss.backward()
            losses.append(loss.item())
            grads.append(flat.grad.numpy())
        arrays |= {f"{name} params": params, f"{name} loss": losses, f"{name} grad": np.stack(grads, axis=1)}
    np.savez_compressed(FILE, **arrays)
    print(f"{FILE.name}: {FILE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
