"""Settings and axes to one row per run: the ids, and what is refused."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from experiments.contracts.cases import drawn
from experiments.engine import fingerprint, sources
from experiments.engine.backend import BACKEND, LOOPS
from experiments.engine.fingerprint import code_fingerprint
from experiments.engine.sources import closure, imports
from experiments.request.cell import Cell
from experiments.request.checks import checked_integer, checked_study
from experiments.request.product import cell_of
from optim import ADAPTERS, OPTIMIZERS
from optim.wrapper import Wrapper
from problems import PROBLEMS
from problems.data import OnData

NAMES = ", ".join(sorted({**OPTIMIZERS, **ADAPTERS}))
RECORD = {"points": 5, "params": False}


def settings(**changes: Any) -> dict[str, Any]:
    """Return the settings of RMSprop on the quadratic, with some parts replaced."""
    plain = {
        "optimizer": {"name": "rmsprop"},
        "problem": {"name": "quadratic"},
        "seed": 0,
        "steps": 10,
        "record": RECORD,
    }
    return {**plain, **changes}


def cell(axes: dict[str, Any] | None = None, **changes: Any) -> Cell:
    return cell_of(settings(**changes), axes or {})


def ids(axes: dict[str, Any] | None = None, **changes: Any) -> list[str]:
    """Return the ids of a cell's runs."""
    return list(cell(axes, **changes).runs["run"])


def id_by(axes: dict[str, Any], *keys: str) -> dict[tuple[Any, ...], str]:
    """Return the ids of a cell's runs by their values of some keys."""
    runs = cell(axes).runs
    return dict(zip(runs[list(keys)].itertuples(index=False, name=None), runs["run"], strict=True))


# --- The same run has the same id, however it was written ---


@pytest.mark.parametrize(
    ("axes", "optimizer"),
    [
        ({}, {"lr": 0.01}),
        ({}, {"lr": 0.01, "beta": 0.9, "eps": 1e-8, "momentum": 0, "centered": False, "weight_decay": 0}),
        ({"optimizer.lr": [0.01]}, {}),
        ({"optimizer.lr": [0.01]}, {"lr": 0.5}),
        ({"optimizer.lr": [0.01], "optimizer.beta": [0.9], "seed": [0]}, {}),
        ({"seed": [0]}, {"search": {"lr": "ignored"}}),
    ],
)
def test_a_value_gives_the_same_id_swept_typed_or_defaulted(
    axes: dict[str, Any], optimizer: dict[str, Any]
) -> None:
    assert ids(axes, optimizer={"name": "rmsprop", **optimizer}) == ids()


def test_an_integer_and_the_equal_float_give_the_same_id() -> None:
    expected = ids(optimizer={"name": "rmsprop", "lr": 1.0, "momentum": 0.0})
    assert ids(optimizer={"name": "rmsprop", "lr": 1, "momentum": 0}) == expected
    assert ids({"optimizer.lr": [1], "optimizer.momentum": [0]}) == expected
    assert ids({"optimizer.lr": [1.0], "optimizer.momentum": [0.0]}) == expected
    assert ids({"optimizer.lr": [0.5, 1]})[1:] == expected
    assert ids(problem={"name": "quadratic", "a": 2, "noise": 0.5}) == ids()


def test_a_missing_value_and_the_null_that_is_its_default_give_the_same_id() -> None:
    logistic = {"name": "logistic"}
    assert ids(problem={**logistic, "batch_size": None}) == ids(problem=logistic)
    assert ids(problem={**logistic, "batch_size": 32}) != ids(problem=logistic)


def test_an_id_does_not_depend_on_company_or_order() -> None:
    lrs, seeds = [0.1, 0.01, 1e-3], [3, 0, 7]
    whole = id_by({"optimizer.lr": lrs, "seed": seeds}, "optimizer.lr", "seed")
    turned = id_by({"seed": seeds[::-1], "optimizer.lr": lrs[::-1]}, "optimizer.lr", "seed")
    alone = {(lr, seed): ids({"optimizer.lr": [lr]}, seed=seed)[0] for lr in lrs for seed in seeds}
    assert whole == turned == alone
    assert len(set(whole.values())) == 9


# --- Whatever decides the numbers decides the id ---


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 1},
        {"steps": 11},
        {"record": {**RECORD, "points": 6}},
        {"record": {**RECORD, "params": True}},
        {"optimizer": {"name": "sgd"}},
        {"problem": {"name": "rosenbrock"}},
        {"optimizer": {"name": "rmsprop", "lr": 0.01 * (1 + 1e-15)}},
    ],
    ids=str,
)
def test_each_setting_changes_the_id(change: dict[str, Any]) -> None:
    assert ids(**change) != ids()


def hyperparameters() -> list[tuple[str, str]]:
    return [(name, key) for name, cls in OPTIMIZERS.items() for key in cls.hyperparameters()]


@pytest.mark.parametrize(("name", "key"), hyperparameters())
def test_each_hyperparameter_changes_the_id(name: str, key: str) -> None:
    [other] = drawn(OPTIMIZERS[name].hyperparameters()[key], np.random.default_rng(0), 1)
    on_matrices = getattr(OPTIMIZERS[name], "needs_matrices", False)
    problem = {"name": "logistic", "data": "wine"} if on_matrices else {"name": "quadratic"}
    parts = {"optimizer": {"name": name}, "problem": problem}
    assert ids({f"optimizer.{key}": [other]}, **parts) != ids(**parts)


@pytest.mark.parametrize(
    ("name", "key", "others"),
    [
        ("sgd", "nesterov", {"momentum": 0.9}),
        ("rmsprop", "centered", {}),
        ("adam", "amsgrad", {}),
        ("adam", "decoupled", {}),
    ],
)
def test_each_switch_changes_the_id(name: str, key: str, others: dict[str, Any]) -> None:
    on, off = ({"name": name, key: value, **others} for value in (True, False))
    assert ids(optimizer=on) != ids(optimizer=off)


OTHER_VALUES = (0.3, 5, 0.6, 3.5, True, False)
GO_TOGETHER = {("transformer", "width"): {"heads": 1}, ("transformer", "heads"): {"width": 10}}
"""(problem, constant) -> others with which both of its values are allowed."""


OF_DATA = ("data", "target", "missing", "digest")
"""Constants that need a file of their own: see tests/parts/test_data.py."""


def constants() -> list[tuple[str, str]]:
    found = [(name, spec.name) for name, cls in PROBLEMS.items() for spec in fields(cls)]
    return [(name, key) for name, key in found if not (issubclass(PROBLEMS[name], OnData) and key in OF_DATA)]


@pytest.mark.parametrize(("name", "key"), constants())
def test_each_constant_changes_the_id(name: str, key: str) -> None:
    [spec] = [spec for spec in fields(PROBLEMS[name]) if spec.name == key]
    allowed = spec.metadata["allowed"]
    candidates = [*getattr(allowed, "words", ()), *OTHER_VALUES]
    other = next(value for value in candidates if allowed.allows(value) and value != spec.default)
    given = {"name": name, **GO_TOGETHER.get((name, key), {})}
    assert ids(problem={**given, key: other}) != ids(problem=given)


# --- The code decides the id too ---


@pytest.fixture
def edit(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Callable[[str], str]], None]]:
    """A function that makes the source of one module read otherwise, for its fingerprint only."""
    read = sources.source_of

    def clear() -> None:
        code_fingerprint.cache_clear()
        sources.normal_source.cache_clear()
        sources.imports.cache_clear()

    def replace(name: str, change: Callable[[str], str]) -> None:
        def source(module: str) -> str:
            return change(read(module)) if module == name else read(module)

        monkeypatch.setattr(sources, "source_of", source)
        clear()

    clear()
    yield replace
    monkeypatch.undo()
    clear()


Edit = Callable[[str, Callable[[str], str]], None]
READ = {
    engine: closure((loop, fingerprint.RECORDED, "optim.rmsprop", "problems.quadratic"))
    for engine, loop in LOOPS.items()
}


def test_a_fingerprint_covers_the_loop_the_optimizer_the_problem_and_what_they_import() -> None:
    used = {
        "experiments.declared",
        *(
            f"experiments.engine.{name}"
            for name in ("backend", "blocks", "records", "recorded", "rule", "trace")
        ),
        *(f"optim.{name}" for name in ("method", "wrapper", "schedules.base", "schedules.constant")),
        *("optim.base", "optim.hyper", "optim.rmsprop", "problems.base", "problems.quadratic"),
    }
    assert READ["jax"] == used | {"experiments.engine.jax_loop", "experiments.engine.jax_program"}
    numpy = {"experiments.engine.numpy_loop", "experiments.engine.overflow"}
    assert READ["numpy"] == used | numpy


@pytest.mark.parametrize(("engine", "module"), [(e, m) for e, found in READ.items() for m in sorted(found)])
def test_a_change_of_the_code_changes_the_fingerprint_and_the_ids(
    engine: str, module: str, edit: Edit
) -> None:
    before, runs = code_fingerprint("rmsprop", "quadratic", engine), ids(engine=engine)
    edit(module, lambda source: f"{source}\nEXTRA = 1\n")
    assert code_fingerprint("rmsprop", "quadratic", engine) != before
    assert ids(engine=engine) != runs


def test_a_number_in_the_update_changes_the_fingerprint(edit: Edit) -> None:
    before = code_fingerprint("rmsprop", "quadratic", "jax")
    edit("optim.rmsprop", lambda source: source.replace("grads**2", "grads**4"))
    assert code_fingerprint("rmsprop", "quadratic", "jax") != before


@pytest.mark.parametrize(
    "change",
    [
        lambda source: f"# a comment\n{source}\n\n\n# another\n",
        lambda source: source.replace('"""RMSprop:', '"""Other words:'),
        lambda source: source.replace("Args:\n", "Arguments, as they are called:\n"),
        lambda source: source.replace("        grads = ", "\n        grads   =   "),
        lambda source: f'{source}\n\nNAME = 1\n"""What it is."""\n'.replace("NAME = 1\n", ""),
    ],
    ids=["comments", "first docstring", "docstring of a class", "layout", "a string that documents"],
)
def test_comments_layout_and_docstrings_change_nothing(change: Callable[[str], str], edit: Edit) -> None:
    source = sources.source_of("optim.rmsprop")
    assert change(source) != source
    before = code_fingerprint("rmsprop", "quadratic", "jax")
    edit("optim.rmsprop", change)
    assert code_fingerprint("rmsprop", "quadratic", "jax") == before


@pytest.mark.parametrize("module", ["optim.sgd", "problems.rosenbrock", "experiments.store"])
def test_other_modules_are_not_in_the_fingerprint(module: str, edit: Edit) -> None:
    before = code_fingerprint("rmsprop", "quadratic", "jax")
    edit(module, lambda source: f"{source}\nEXTRA = 1\n")
    assert code_fingerprint("rmsprop", "quadratic", "jax") == before


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("from optim.base import Optimizer", "optim.base"),
        ("import optim.base", "optim.base"),
        ("import optim.base as b, numpy", "optim.base"),
        ("from optim import base, sgd", "optim.sgd"),
        ("from . import base", "optim.base"),
        ("from .base import Optimizer", "optim.base"),
        ("from optim import Optimizer", "optim"),
        ("from experiments.engine import trace", "experiments.engine.trace"),
        ("def late():\n    from problems import data", "problems.data"),
    ],
)
def test_imports_are_followed_in_every_form(line: str, module: str, edit: Edit) -> None:
    edit("optim.adagrad", lambda _: line)
    found = set(imports("optim.adagrad"))
    assert module in found
    assert found <= {
        "optim",
        "optim.base",
        "optim.sgd",
        "experiments.engine",
        "experiments.engine.trace",
        "problems",
        "problems.data",
    }


# --- The cell ---


def test_a_cell_is_the_product_of_its_axes_with_seeds_slowest() -> None:
    made = cell({"optimizer.lr": [0.1, 0.2], "seed": [5, 4], "optimizer.beta": [0.5, 0.9]})
    assert made.runs["seed"].tolist() == [5, 5, 5, 5, 4, 4, 4, 4]
    assert made.runs["optimizer.lr"].tolist() == [0.1, 0.1, 0.2, 0.2] * 2
    assert made.runs["optimizer.beta"].tolist() == [0.5, 0.9] * 4
    assert made.optimizer.lr.tolist() == made.runs["optimizer.lr"].tolist()
    assert made.optimizer.beta.tolist() == made.runs["optimizer.beta"].tolist()
    assert made.seeds.tolist() == made.runs["seed"].tolist()
    assert made.seeds.dtype == np.int64


def test_columns_stand_under_the_paths_that_a_user_types() -> None:
    runs = cell(seed=3, steps=7).runs
    hypers = [f"optimizer.{spec.name}" for spec in fields(OPTIMIZERS["rmsprop"])]
    values = [f"problem.{spec.name}" for spec in fields(PROBLEMS["quadratic"])]
    around = [f"optimizer.{spec.name}" for spec in fields(Wrapper)]
    rates = ["schedule", "schedule.warmup"]
    assert list(runs) == [
        *("run", "optimizer", "problem", "seed", "steps", *BACKEND),
        *(*hypers, *around, *rates, *values),
    ]
    row = runs.iloc[0]
    assert (row["optimizer"], row["problem"], row["seed"], row["steps"]) == ("rmsprop", "quadratic", 3, 7)
    assert (row["optimizer.beta"], row["problem.points"]) == (0.9, 100)


def test_equal_values_on_an_axis_are_one_lane() -> None:
    made = cell({"optimizer.lr": [1, 0.5, 1.0, 0.5], "seed": [2, 2]})
    assert made.runs["optimizer.lr"].tolist() == [1.0, 0.5]
    assert made.runs["run"].is_unique


def test_a_value_on_an_axis_replaces_the_one_in_the_settings() -> None:
    made = cell({"seed": [1, 2], "optimizer.lr": [0.3]}, seed=9, optimizer={"name": "rmsprop", "lr": 0.7})
    assert made.runs["seed"].tolist() == [1, 2]
    assert set(made.runs["optimizer.lr"]) == {0.3}


@pytest.mark.parametrize(
    "rows", [slice(1, 3), np.array([1, 2]), np.array([False, True, True, False])], ids=["slice", "at", "mask"]
)
def test_take_keeps_rows_and_hyperparameters_together(rows: Any) -> None:
    whole = cell({"optimizer.lr": [0.1, 0.2], "seed": [4, 5]})
    part = whole.take(rows)
    assert part.runs["run"].tolist() == whole.runs["run"].tolist()[1:3]
    assert part.seeds.tolist() == [4, 5]
    assert np.broadcast_to(part.optimizer.lr, 2).tolist() == [0.2, 0.1]
    assert (part.steps, part.points, part.params, part.code) == (10, 5, False, whole.code)


# --- What is refused ---

REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"seed": -1}, {}, "seed must be an integer in [0, 4294967295], got -1"),
    ({"seed": 2**32}, {}, "seed must be an integer in [0, 4294967295], got 4294967296"),
    ({"seed": 1.0}, {}, "seed must be an integer in [0, 4294967295], got 1.0"),
    ({"seed": True}, {}, "seed must be an integer in [0, 4294967295], got True"),
    ({}, {"seed": [0, -2]}, "seed must be an integer in [0, 4294967295], got -2"),
    ({}, {"seed": [[1]]}, "seed must be an integer in [0, 4294967295], got [1]"),
    ({"steps": 0}, {}, "steps must be an integer in [1, 100000000], got 0"),
    ({"steps": "many"}, {}, "steps must be an integer in [1, 100000000], got 'many'"),
    ({"record": {**RECORD, "points": 1}}, {}, "record.points must be an integer in [2, 1000000], got 1"),
    ({"record": {**RECORD, "params": 1}}, {}, "record.params must be true or false, got 1"),
    ({"record": 3}, {}, "record must be points and params (record.points=100), got 3"),
    ({"optimizer": {"name": "nope"}}, {}, f"optimizer must be one of {NAMES}, got 'nope'"),
    ({"optimizer": {"name": None}}, {}, f"optimizer must be one of {NAMES}, got None"),
    (
        {"optimizer": {"name": "rmsprop", "beta1": 0.5}},
        {},
        "optimizer.beta1=0.5: RMSprop has no beta1; it has lr, beta, eps, momentum, centered, "
        "weight_decay, clip_norm, clip_value, decoupled_decay, averaging",
    ),
    (
        {"optimizer": {"name": "rmsprop", "lr": [0.1, 0.2]}},
        {},
        "optimizer.lr must be one value, got [0.1, 0.2]; with -m, write several as 1,2,3",
    ),
    ({"optimizer": {"name": "rmsprop", "lr": 0}}, {}, "RMSprop: lr must be in (0, inf), got 0.0"),
    ({}, {"optimizer.beta": [0.5, 1]}, "RMSprop: beta must be in [0, 1), got 1.0"),
    ({}, {"optimizer.lr": [0.1, "x"]}, "RMSprop: lr must be a number in (0, inf), got 'x'"),
    ({}, {"optimizer.lr": [1, True]}, "RMSprop: lr must be a number in (0, inf), got True"),
    ({}, {"optimizer.lr": [None]}, "RMSprop: lr must be a number in (0, inf), got None"),
    (
        {},
        {"optimizer.lr": [[0.1, 0.2]]},
        "optimizer.lr must be one value, got [0.1, 0.2]; with -m, write several as 1,2,3",
    ),
    (
        {"problem": {"name": "rosenbrock", "dim": 1}},
        {},
        "Rosenbrock: dim must be an integer in [2, 100000], got 1",
    ),
    (
        {"problem": {"name": "rosenbrock", "size": 3}},
        {},
        "problem.size=3: Rosenbrock has no size; it has dim, perturbation",
    ),
    (
        {"problem": {"name": "logistic", "data": "irsi"}},
        {},
        "LogisticRegression: data must be one of breast_cancer, digits, iris, wine, keel/NAME, or a file "
        "(.csv or .parquet), got 'irsi'; near that: iris",
    ),
]


@pytest.mark.parametrize(("changes", "axes", "message"), REFUSED, ids=[case[2] for case in REFUSED])
def test_bad_input_is_refused_by_key_value_and_what_is_allowed(
    changes: dict[str, Any], axes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the whole message is compared
        cell(axes, **changes)
    assert str(refused.value) == message


def test_an_unknown_problem_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"^problem must be one of .*quadratic.*, got 'nowhere'$"):
        cell(problem={"name": "nowhere"})


@pytest.mark.parametrize("value", [2, np.int64(2)])
def test_a_whole_number_comes_back_as_pythons(value: Any) -> None:
    assert type(checked_integer("steps", value, 1)) is int


@pytest.mark.parametrize("study", ["a", "first", "2024", "a/b/c/d", "x.y-z_1", 7])
def test_good_names_of_studies(study: Any) -> None:
    assert checked_study(study) == str(study)


@pytest.mark.parametrize(
    "study",
    ["", "..", "../a", "a/..", "/a", "a/", "a//b", "a b", ".a", "a/b/c/d/e", "é", "a" * 101, None, "a\n"],
)
def test_names_of_studies_that_could_leave_the_results_are_refused(study: Any) -> None:
    with pytest.raises(ValueError, match=r"^study must be letters, digits"):
        checked_study(study)
