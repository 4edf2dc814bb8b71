"""What the files of a new part hold to begin with: the smallest that runs and keeps the contracts."""

from __future__ import annotations

import re
from string import Template

OPTIMIZER = '''"""$Class: say what it does, and where it was published."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from optim.base import Array, Hyper, Optimizer, hyper, register


class State(NamedTuple):
    """What the rule remembers: an array of the shape of the parameters."""

    velocity: Array


@register("$name")
@dataclass(frozen=True, kw_only=True)
class $Class(Optimizer):
    """Gradient descent with momentum, to begin with.

    Args:
        lr: the learning rate, in (0, inf).
        momentum: the share of the velocity that is kept, in [0, 1).
    """

    lr: Hyper = hyper(0.01, low=0, open_low=True)
    momentum: Hyper = hyper(0.9, low=0, high=1, open_high=True)

    def init(self, params: Array) -> State:
        """Return the state before the first step."""
        return State(velocity=np.zeros_like(params))

    def update(self, grads: Array, state: State, params: Array) -> tuple[Array, State]:
        """Return what is added to the parameters, and the next state; arrays are (dim, lanes).

        Other functions than + - * / come from ``xp = array_namespace(params)`` of array_api_compat, so
        that the same lines are compiled; nothing is changed in place, and no ``if`` asks for a number.
        """
        velocity = self.momentum * state.velocity - self.lr * grads
        return velocity, State(velocity)
'''
OPTIMIZER_CONF = """# $Class: every hyperparameter with its default, and what tuning draws from.
name: $name
lr: 0.01
momentum: 0.9
search:
  lr: {distribution: loguniform, low: 1.0e-5, high: 10.0}
  momentum: {distribution: one_minus_loguniform, low: 0.5, high: 0.999}
"""

SCHEDULE = '''"""$Class: say what it does, and where it was published."""

from dataclasses import dataclass

from optim.hyper import Array, Hyper, hyper
from optim.schedules.base import Schedule, register


@register("$name")
@dataclass(frozen=True, kw_only=True)
class $Class(Schedule):
    """A line from the learning rate down to a share of it, to begin with.

    Args:
        warmup: the share of the run that is a linear warm-up, which every schedule has.
        final: the share of the learning rate that it falls to, in [0, 1].
    """

    final: Hyper = hyper(0.1, low=0, high=1)

    def after_warmup(self, done: Array, count: Array) -> Array:
        """Return what the learning rate is multiplied by when ``done`` of ``count`` updates are done."""
        left = (count - done) / count
        return self.final + (1 - self.final) * left
'''
SCHEDULE_CONF = """# $Class: every parameter with its default, and what tuning draws from.
name: $name
warmup: 0.0
final: 0.1
search:
  final: {distribution: uniform, low: 0.0, high: 0.5}
"""

PROBLEM = '''"""$Class: say what is minimised, and where it comes from."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from problems.base import Numbers, constant, register
from problems.loss import LossProblem


@register("$name")
@dataclass(frozen=True, kw_only=True)
class $Class(LossProblem):
    """A bowl that is steeper in each direction than in the one before, to begin with.

    Args:
        size: how many parameters.
        steepest: the curvature in the last direction; in the first it is 1.
    """

    size: int = constant(5, Numbers(low=1, high=1000, integer=True))
    steepest: float = constant(10.0, Numbers(low=1))

    @property
    def layout(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the arrays that are optimized, by name."""
        return {"x": (self.size,)}

    @property
    def minimiser(self) -> dict[str, Any]:
        """Where the loss is least; leave this out where it is not known."""
        return {"x": np.zeros(self.size)}

    def draw(self, rng: np.random.Generator) -> dict[str, Any]:
        """Return where a run starts, drawn by its seed."""
        return {"x": rng.standard_normal(self.size)}

    def loss(self, params: Any, batch: Any) -> Any:
        """Return the loss of one run in jax.numpy; the gradient comes by itself."""
        import jax.numpy as jnp

        curvature = jnp.asarray(np.geomspace(1.0, self.steepest, self.size), params["x"].dtype)
        return (curvature * params["x"] ** 2).sum() / 2
'''
PROBLEM_CONF = """# $Class: every constant with its default.
name: $name
size: 5
steepest: 10.0
"""

CLAIM = """# A claim and the rule that decides it: python -m experiments judge +claim=$name
statement: Adam ends lower than SGD on the quadratic and in Rosenbrock's valley.
runs: # made if they are not there: the words of the run command
  optimizer: adam,sgd
  problem: quadratic,rosenbrock
  optimizer.lr: logspace:1e-3:1:7
  seed: range(0,18)
  steps: 200
rule:
  compare: optimizer # or any other axis: schedule, problem, optimizer.momentum, problem.dim
  better: adam
  than: sgd
  measure: suboptimality # or loss, accuracy, steps to 1e-3, area, robustness, divergence
  factor: 1 # at least
  reproduced: all # of the comparisons, by the interval of each
  partly: any
  refuted: any
"""

TEMPLATES = {
    "optimizer": {".py": OPTIMIZER, ".yaml": OPTIMIZER_CONF},
    "schedule": {".py": SCHEDULE, ".yaml": SCHEDULE_CONF},
    "problem": {".py": PROBLEM, ".yaml": PROBLEM_CONF},
    "claim": {".yaml": CLAIM},
}
"""The files of each kind of part by their suffix."""


def files_of(kind: str, name: str) -> dict[str, str]:
    """Return the texts of the files of a new part, by the suffix of each."""
    texts = TEMPLATES[kind]
    words = {"name": name, "Class": class_name(name, texts.get(".py", ""))}
    return {suffix: Template(text).substitute(words) for suffix, text in texts.items()}


def class_name(name: str, text: str) -> str:
    """Return what the class of a part is called, which is none of the names that a text has."""
    words = "".join(word[:1].upper() + word[1:] for word in name.split("_"))
    return f"Own{words}" if re.search(rf"\b{words}\b", text) else words
