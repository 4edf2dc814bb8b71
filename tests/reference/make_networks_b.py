"""Make ``networks_b.npz``: losses and gradients by PyTorch of networks on text and of products of matrices.

The losses are written here a second time, the networks from PyTorch's own layers. Run it where
the extra ``peers`` is installed: ``python tests/reference/make_networks_b.py``.
"""

import json
from collections.abc import Callable, Sequence
from importlib.metadata import version
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from networks_b import CASES, POINTS
from torch.nn import functional as F

FILE = Path(__file__).with_name("networks_b.npz")
ALPHABET = "0123456789+=;"
Shapes = Sequence[tuple[int, ...]]
Loss = Callable[..., torch.Tensor]


def windows(length: int) -> torch.Tensor:
    """Return the training windows, spelt out one by one."""
    pairs = np.random.default_rng(0).integers(100, size=((2048 + 1024 + 2) // 5 + 1, 2))
    text = "".join(f"{a}+{b}={a + b};" for a, b in pairs)[:2049]
    parts = [text[i : i + length + 1] for i in range(0, 2049, length)]
    return torch.tensor([[ALPHABET.index(c) for c in part] for part in parts if len(part) == length + 1])


def of_singular_values(values: Sequence[float], size: int) -> torch.Tensor:
    """Return the matrix with these singular values whose singular vectors the seed 0 draws."""
    rng = np.random.default_rng(0)
    sides = []
    for _ in range(2):
        q, r = np.linalg.qr(rng.standard_normal((size, size)))
        sides.append(torch.tensor(q) @ torch.diag(torch.tensor(np.sign(np.diag(r)))))
    left, right = sides
    return sum(value * torch.outer(left[:, i], right[:, i]) for i, value in enumerate(values))


def predicted(logits: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(logits.flatten(0, 1), text[:, 1:].flatten())


def char_rnn(hidden: int, cell: str, length: int, batch_size: None) -> tuple[Shapes, Loss]:
    text, gates = windows(length), 3 if cell == "gru" else 1
    module = (torch.nn.GRU if cell == "gru" else torch.nn.RNN)(13, hidden, batch_first=True).double()

    def loss(first: Any, own: Any, last: Any) -> torch.Tensor:
        weights = {
            "weight_ih_l0": first[:, :-1],
            "bias_ih_l0": first[:, -1],
            "weight_hh_l0": own,
            "bias_hh_l0": torch.zeros(len(own), dtype=torch.float64),
        }
        x = F.one_hot(text[:, :-1], 13).double()
        states, _ = torch.func.functional_call(module, weights, (x,))
        return predicted(F.linear(states, last[:, :-1], last[:, -1]), text)

    return [(gates * hidden, 14), (gates * hidden, hidden), (13, hidden + 1)], loss


def transformer(width: int, heads: int, length: int, batch_size: None) -> tuple[Shapes, Loss]:
    text = windows(length)
    shapes = [(13, width), (length, width), *[(2, width)] * 3, (3 * width, width), (width, width)]
    shapes += [(4 * width, width + 1), (width, 4 * width + 1), (13, width + 1)]
    ahead = torch.ones(length, length, dtype=torch.bool).triu(1)

    def loss(
        characters: Any, places: Any, one: Any, two: Any, three: Any, qkv: Any, joined: Any, *layers: Any
    ) -> torch.Tensor:
        def norm(x: torch.Tensor, weights: Any) -> torch.Tensor:
            return F.layer_norm(x, (width,), weights[0], weights[1])

        def linear(x: torch.Tensor, weights: Any) -> torch.Tensor:
            return F.linear(x, weights[:, :-1], weights[:, -1])

        wide, narrow, last = layers
        x = F.embedding(text[:, :-1], characters) + places
        seen = norm(x, one).transpose(0, 1)
        attended, _ = F.multi_head_attention_forward(
            *(seen, seen, seen, width, heads, qkv, None, None, None, False, 0.0, joined, None),
            attn_mask=ahead,
            need_weights=False,
        )
        x = x + attended.transpose(0, 1)
        x = x + linear(F.gelu(linear(norm(x, two), wide)), narrow)
        return predicted(linear(norm(x, three), last), text)

    return shapes, loss


def matrix_factorisation(
    size: int, rank: int, factors: int, condition: float, **_: Any
) -> tuple[Shapes, Loss]:
    target = of_singular_values(size * np.geomspace(1, 1 / condition, rank), size)
    return [(size, factors)] * 2, lambda left, right: 0.5 * F.mse_loss(left @ right.T, target)


def deep_linear(depth: int, width: int, condition: float, **_: Any) -> tuple[Shapes, Loss]:
    """Half the mean squared error over inputs that are white: the unit vectors, scaled."""
    teacher = of_singular_values(np.geomspace(1, 1 / condition, width), width)
    inputs = width**0.5 * torch.eye(width, dtype=torch.float64)

    def loss(*layers: Any) -> torch.Tensor:
        x = inputs
        for layer in layers:
            x = F.linear(x, layer)
        return 0.5 * ((x - F.linear(inputs, teacher)) ** 2).sum(dim=1).mean()

    return [(width, width)] * depth, loss


MAKERS = {
    "char_rnn": char_rnn,
    "transformer": transformer,
    "matrix_factorisation": matrix_factorisation,
    "deep_linear": deep_linear,
}


def at(shapes: Shapes, loss: Loss, params: np.ndarray) -> tuple[float, np.ndarray]:
    """Return loss and gradient at parameters (dim,)."""
    flat = torch.tensor(params, requires_grad=True)
    pieces = torch.split(flat, [prod(shape) for shape in shapes])
    found = loss(*(piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)))
    found.backward()
    return found.item(), flat.grad.numpy()


def main() -> None:
    torch.set_num_threads(1)
    arrays = {}
    for case, (name, constants) in CASES.items():
        shapes, loss = MAKERS[name](**constants)
        params = 0.5 * np.random.default_rng(1).standard_normal((POINTS, sum(map(prod, shapes))))
        losses, grads = zip(*(at(shapes, loss, point) for point in params), strict=True)
        arrays |= {f"params {case}": params, f"loss {case}": np.array(losses), f"grads {case}": grads}
    about = {"versions": {name: version(name) for name in ("torch", "numpy")}, "cases": CASES}
    np.savez_compressed(FILE, about=np.array(json.dumps(about)), **arrays)
    print(f"{FILE.name}: {FILE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
