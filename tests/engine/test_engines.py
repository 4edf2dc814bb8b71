"""The two engines: the same formulas, their numbers apart by rounding alone; one of them at a time."""

import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from contracts import OPTIMIZER_CASES, PROBLEM_CASES

from experiments.contracts import optimizer_runs, problem_runs
from experiments.contracts.bits import flat
from experiments.contracts.cases import Case, on_matrices, plain_problem, with_drawn_lanes
from experiments.contracts.company import apart, both
from experiments.engine.backend import BACKEND, backend_of
from experiments.engine.minimize import minimize
from optim import OPTIMIZERS, Optimizer, RMSprop
from problems import PROBLEMS, Instance, Problem, QuadraticFit

LANES, SEEDS = 30, np.arange(30) % 5
NUDGES = 40  # of each start, to tell whether a run is chaotic
BOTH = [case for case in PROBLEM_CASES if {"numpy", "jax"} <= set(case.cls.engines)]


BY_BOTH = [case for case in OPTIMIZER_CASES if {"numpy", "jax"} <= set(case.cls.engines)]


@pytest.mark.parametrize("case", BY_BOTH, ids=str)
def test_a_step_of_every_optimizer_is_the_same_up_to_rounding(case: Case) -> None:
    optimizer_runs.test_a_step_is_the_same_under_both_engines_up_to_rounding(case)


@pytest.mark.parametrize("case", BOTH, ids=str)
def test_a_step_on_every_problem_is_the_same_up_to_rounding(case: Case) -> None:
    problem_runs.test_a_step_is_the_same_under_both_engines_up_to_rounding(case.make())


@dataclass(frozen=True, kw_only=True)
class Nudged(QuadraticFit):
    """The article's fit, start and minimiser of every lane moved by some units in the last place.

    A start alone is forgotten: then all runs end in one cycle, though rounding leads to another.
    """

    def instance(self, seeds: np.ndarray) -> Instance:
        instance = super().instance(seeds)
        here, there = 1 + 1e-15 * np.random.default_rng(0).standard_normal((2, *instance.start.shape))
        return replace(instance, start=instance.start * here, minimiser=instance.minimiser * there)


def sensitivity(optimizer: Optimizer, seeds: np.ndarray, steps: int) -> np.ndarray:
    """Return how far each lane's end moves at most when its numbers move as little as by rounding."""
    straight = minimize(QuadraticFit(), optimizer, seeds, steps=steps, points=2, engine="numpy")
    lanes = np.repeat(np.arange(len(seeds)), NUDGES)
    nudged = minimize(Nudged(), optimizer.take(lanes), seeds[lanes], steps=steps, points=2, engine="numpy")
    with np.errstate(invalid="ignore"):
        moved = apart(straight.params[:, lanes], nudged.params).reshape(-1, NUDGES)
    return np.where(straight.diverged_at < 0, moved.max(axis=1), np.inf)


@pytest.mark.parametrize("case", [case for case in BY_BOTH if not on_matrices(case.cls)], ids=str)
def test_a_thousand_steps_agree_wherever_the_smallest_changes_stay_small(case: Case) -> None:
    optimizer = with_drawn_lanes(case, LANES)
    one, other = both(QuadraticFit(), optimizer, SEEDS, steps=1000)
    moved = sensitivity(optimizer, SEEDS, 1000)
    calm = moved < 1e-11
    assert calm.any(), "every lane is chaotic: nothing was compared"
    far = apart(one.params, other.params)[calm]
    assert (far < 1e-9).all(), f"lanes apart {far[far >= 1e-9]}, moved {moved[calm][far >= 1e-9]}"
    assert (one.diverged_at[calm] == other.diverged_at[calm]).all()


def test_what_is_chaotic_under_one_engine_is_so_between_them() -> None:
    # the last cycle of RMSprop magnifies rounding
    rule, seeds = RMSprop(), np.arange(40)
    one, other = both(QuadraticFit(), rule, seeds, steps=1000)
    far = apart(one.params, other.params) > 1e-9
    assert far.any()
    assert (sensitivity(rule, seeds, 1000)[far] > 1e-11).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_trace_is_float64_and_float32_is_seen_in_its_numbers(engine: str, dtype: str) -> None:
    trace = minimize(QuadraticFit(), RMSprop(), SEEDS, steps=20, engine=engine, dtype=dtype, params=True)
    arrays = {name: array for name, array in flat(trace).items() if array.dtype.kind == "f"}
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.float64)}
    narrow = np.array_equal(trace.params, trace.params.astype(np.float32))
    assert narrow == (dtype == "float32")
    wide = minimize(QuadraticFit(), RMSprop(), SEEDS, steps=20, engine=engine)
    np.testing.assert_allclose(trace.loss, wide.loss, rtol=1e-4)


REFUSED = [
    ({"engine": "torch"}, "engine must be one of auto, numpy, jax, got 'torch'"),
    ({"dtype": "float16"}, "dtype must be one of float64, float32, got 'float16'"),
    ({"device": "tpu"}, "device must be one of cpu, gpu, got 'tpu'"),
    (
        {"engine": "numpy", "device": "gpu"},
        "device must be cpu under engine=numpy (problem=quadratic), got 'gpu'",
    ),
]


@pytest.mark.parametrize(("how", "message"), REFUSED)
def test_what_cannot_compute_is_refused_in_one_line(how: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match="must be") as error:
        minimize(QuadraticFit(), RMSprop(), SEEDS, steps=1, points=2, **how)
    assert str(error.value) == message


def test_a_loss_alone_runs_under_jax_only() -> None:
    with pytest.raises(ValueError, match="must be jax for problem=mlp, got 'numpy'"):
        backend_of(PROBLEMS["mlp"](), "numpy")


def test_without_jax_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.engine.backend.find_spec", lambda name: None)
    both_engines = (
        r"engine=jax of problem=quadratic needs JAX.*\(pip install jax\); engine=numpy does without"
    )
    with pytest.raises(ValueError, match=both_engines):
        backend_of(QuadraticFit(), "jax")
    assert backend_of(QuadraticFit()).engine == "numpy"


@pytest.mark.parametrize("problem_class", PROBLEMS.values(), ids=PROBLEMS)
def test_auto_is_the_first_engine_of_the_problem(problem_class: type[Problem]) -> None:
    problem = problem_class()
    assert problem.engines
    assert set(problem.engines) <= {"numpy", "jax"}
    assert backend_of(problem).engine == problem.engines[0]
    assert tuple(vars(backend_of(problem))) == BACKEND


def test_jax_is_not_imported_unless_it_is_used(tmp_path: Path) -> None:
    code = """
import sys
import numpy as np
from experiments import Store, minimize
from optim import RMSprop
from problems import PROBLEMS, MLP, QuadraticFit
import experiments.claims, experiments.figures, experiments.reports.study, experiments.grid.running
minimize(QuadraticFit(), RMSprop(), np.arange(3), steps=2, engine="numpy")
print(sorted(name for name in sys.modules if name.split(".")[0] in ("jax", "jaxlib")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_makes_no_choice_by_a_number_in_an_array(name: str) -> None:
    # lanes in which a term is on beside lanes in which it is off: one program for both
    case = Case(OPTIMIZERS[name])
    optimizer = with_drawn_lanes(case, LANES)
    trace = minimize(plain_problem(case.cls), optimizer, SEEDS, steps=3, params=True, engine="jax")
    assert (trace.diverged_at < 0).all()
