"""Suites: lists of problem instances, run over by grids and compared over by reports."""

from pathlib import Path

import pytest
from command_line import ROOT, here
from omegaconf import OmegaConf

from experiments import Store
from experiments.grid.suite import instances_of, overrides_of, suites
from problems import PROBLEMS

SUITES = suites()
LEAST = {"functions": 60, "convex": 30, "networks": 8}


@pytest.mark.parametrize("name", SUITES)
def test_the_instances_of_a_suite_are_distinct_problems_that_can_be_made(name: str) -> None:
    made = []
    for instance in SUITES[name]:
        constants = {key: value for key, value in instance.items() if key not in ("problem", "steps")}
        made.append((PROBLEMS[instance["problem"]](**constants), instance.get("steps")))
    assert len({f"{each}" for each in made}) == len(made) >= LEAST.get(name, 2)


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_bears_the_name_of_its_file_and_makes_a_grid(name: str) -> None:
    config = OmegaConf.load(ROOT / "conf" / "suite" / f"{name}.yaml")
    assert config.suite.name == name
    assert config.hydra.mode == "MULTIRUN"


def test_an_instance_is_said_in_overrides() -> None:
    instance = {"problem": "mlp", "hidden": 4, "batch_size": None, "activation": "tanh", "steps": 7}
    assert overrides_of(instance) == (
        "problem=mlp",
        "problem.hidden=4",
        "problem.batch_size=null",
        "problem.activation='tanh'",
        "steps=7",
    )


@pytest.mark.parametrize(
    "suite", [None, "functions", {"name": "a"}, {"name": "a", "instances": []}, {"name": 1, "instances": [3]}]
)
def test_a_suite_that_is_none_is_refused(suite: object) -> None:
    with pytest.raises(ValueError, match=r"suite must be|an instance of a suite must be"):
        instances_of(OmegaConf.create({"suite": suite}))


SMALL = """# @package _global_
suite:
  name: small
  instances:
    - {problem: quadratic, steps: 5}
    - {problem: rosenbrock, dim: 4}
hydra:
  mode: MULTIRUN
"""


@pytest.fixture
def small(tmp_path: Path) -> str:
    """Return the word that lets Hydra find a suite of two problems."""
    folder = tmp_path / "conf" / "suite"
    folder.mkdir(parents=True)
    (folder / "small.yaml").write_text(SMALL)
    return f"hydra.searchpath=[file://{tmp_path / 'conf'}]"


def test_a_grid_over_a_suite_has_every_optimizer_on_every_instance(tmp_path: Path, small: str) -> None:
    words = ["optimizer=sgd,adam", "steps=9", "seed=0,1", "optimizer.momentum=0.5"]
    ended = here(tmp_path, "run", "+suite=small", *words, small)
    assert ended.code == 0, ended.err
    assert "optimizer.momentum does not apply to 2 of 4 cells: dropped there" in ended.err
    runs = Store(tmp_path / "results" / "default").runs()
    assert len(runs) == 8
    found = runs.groupby(["optimizer", "problem"], observed=True)["steps"].agg(["size", "first"])
    assert found["size"].eq(2).all()
    assert found["first"].to_dict() == {
        ("adam", "quadratic"): 5,  # an instance may have its own
        ("adam", "rosenbrock"): 9,
        ("sgd", "quadratic"): 5,
        ("sgd", "rosenbrock"): 9,
    }
    assert set(runs["problem.dim"].dropna()) == {4}


REFUSED = [
    (["+suite=convex", "problem=mlp"], "problem cannot be given beside +suite, which lists the problems"),
    (
        ["+suite=convex", "problem.dim=3"],
        "problem.dim cannot be given beside +suite, which lists the problems",
    ),
    (
        ["-m", "+suite=convex,networks"],
        "+suite=convex,networks: one suite at a time; run the command once for each",
    ),
    (["+suite=nowhere"], "suite must be one of convex, crowded_valley, functions, networks"),
]


@pytest.mark.parametrize(("words", "line"), REFUSED, ids=lambda value: "")
def test_what_a_suite_does_not_go_with_is_refused_in_one_line(
    tmp_path: Path, words: list[str], line: str
) -> None:
    ended = here(tmp_path, "run", *words)
    assert ended.code == 2
    assert ended.err.startswith(f"error: {line}")
    assert ended.err.count("\n") == 1
