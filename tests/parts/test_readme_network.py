"""The network that the README shows is a whole problem: it keeps the contracts and learns."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from command_line import ROOT, here

from experiments.engine.minimize import minimize
from optim import Adam
from problems import PROBLEMS, Problem

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
[NETWORK] = [block for block in BLOCKS if "LossProblem" in block]


@pytest.fixture
def network() -> Iterator[Problem]:
    names: dict[str, Any] = {"__name__": "two_layers"}
    with patch.dict(PROBLEMS):
        exec(NETWORK, names)
        yield PROBLEMS["two_layers"]()


def test_it_takes_forty_lines_at_most() -> None:
    assert len(NETWORK.splitlines()) <= 40


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_it_learns(network: Problem, dtype: str) -> None:
    trace = minimize(network, Adam(lr=0.02), np.arange(3), steps=60, points=4, dtype=dtype)
    assert (trace.loss[-1] < 0.3 * trace.loss[0]).all()


def test_its_gradient_is_the_slope_of_its_loss(network: Problem) -> None:
    instance = network.instance(np.arange(2))
    direction = np.random.default_rng(0).standard_normal(instance.start.shape)
    direction /= np.linalg.norm(direction, axis=0)
    beyond, before = (instance.loss(instance.start + h * direction) for h in (1e-5, -1e-5))
    slope = (instance.loss_and_grad(instance.start)[1] * direction).sum(axis=0)
    np.testing.assert_allclose((beyond - before) / 2e-5, slope, rtol=1e-6)


def test_it_runs_from_a_folder_of_ones_own_as_the_page_says(tmp_path: Path) -> None:
    folder = tmp_path / "my_parts" / "problem"
    folder.mkdir(parents=True)
    (folder / "two_layers.py").write_text(NETWORK)
    (folder / "two_layers.yaml").write_text("name: two_layers\nhidden: 16\nbatch_size: 32\n")
    ended = here(tmp_path, "run", "problem=two_layers", "plugins=my_parts", "optimizer=adam", "steps=5")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("adam on two_layers, seed 0: loss ")
