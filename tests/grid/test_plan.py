"""The plan of a sweep: real configurations, against what Hydra composes."""

import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from command_line import quiet
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, read_write

from experiments.command_line.arguments import CONF, swept
from experiments.command_line.command import bad_input_ends_here
from experiments.contracts.cases import drawn
from experiments.grid.axes import Job
from experiments.grid.composed import request_from
from experiments.grid.interpolation import hydra_says, unresolved
from experiments.grid.plan import Planner, without_hydra
from experiments.grid.request import Request
from optim import ADAPTERS, OPTIMIZERS

ON_MATRICES = ("muon", "soap")  # which the fit refuses
NAMES = ", ".join(sorted({**OPTIMIZERS, **ADAPTERS}))


Plan = Callable[..., list[Request]]


@pytest.fixture(scope="module")
def loader() -> Iterator[ConfigLoader]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


@pytest.fixture(scope="module")
def plan(loader: ConfigLoader) -> Plan:
    """A function from a multirun's arguments to what it would run; bad input ends it, as the command."""

    def planned(*arguments: str) -> list[Request]:
        given = [swept(argument, ["-m"]) for argument in arguments]
        config = loader.load_configuration("config", given, RunMode.MULTIRUN)
        with bad_input_ends_here():
            return Planner(config, loader).plan(given)

    return planned


@pytest.mark.parametrize(
    "overrides",
    [
        ["optimizer=adam", "optimizer.lr=0.5", "problem=logistic", "problem.batch_size=32"],
        ["problem=logistic", "problem.data=wine", "problem.batch_size=null", "record.points=7"],
        ["tune.budgets=[1,2]", "optimizer.search.lr.low=1e-3", "optimizer.centered=true"],
        ["optimizer.search={lr:{distribution:uniform,low:0,high:1}}", "problem.points='10'"],
        ["+experiment=fit", "steps=3", "problem.a=${problem.b}", "problem.b=5"],
        ["optimizer.search.lr.low=1e-3", "++optimizer.search.lr={distribution:uniform,low:0.1,high:0.2}"],
        ["record={points:3,params:true}", "record.points=4", "+problem.new=7"],
        ["record.points=4", "record={points:3,params:true}", "++problem.new=7", "~optimizer.search.lr"],
        ["steps=5", "problem=rosenbrock", "seed=${steps}", "+note=1", "study=x", "tune={trials:3}"],
    ],
    ids=" ".join,
)
def test_a_job_is_composed_as_hydra_itself_would(loader: ConfigLoader, overrides: list[str]) -> None:
    check_composed(loader, overrides)


OVERRIDES = [
    *("optimizer=adam", "problem=rosenbrock", "steps=5", "steps='5'", "seed=${steps}", "jobs=null"),
    *("record.points=7", "record={points:3,new:[1]}", "record=${tune}", "optimizer.lr=${.eps}"),
    *("optimizer.eps='${oc.select:optimizer.lr,${seed}}'", "+note=a", "+note.deep=${study}"),
    *("++optimizer.new={a:1}", "tune.budgets=[1,${seed}]", "tune={trials:2}", "study=a/b"),
    *("optimizer.search.lr.low=1", "+optimizer.search.eps={low:1}", "~optimizer.search.lr"),
]


@settings(max_examples=15, derandomize=True, database=None, deadline=None)
@given(
    overrides=st.lists(
        st.sampled_from(OVERRIDES),
        max_size=5,
        unique=True,
    )
)
def test_whatever_job_is_composed_as_hydra_itself_would(loader: ConfigLoader, overrides: list[str]) -> None:
    check_composed(loader, overrides)


def check_composed(loader: ConfigLoader, overrides: list[str]) -> None:
    """Compare a job's configuration, interpolations as they are written, with what Hydra composes."""
    master = loader.load_configuration("config", [], RunMode.MULTIRUN)
    planner = Planner(master, loader)
    try:
        expected = unresolved(loader.load_sweep_config(master, overrides))
    except ConfigCompositionException as refused:
        with pytest.raises(ConfigCompositionException, match=re.escape(f"{refused}")):
            planner.compose(overrides)
        return
    expected.pop("hydra")
    planner.compose(["record.points=9", *[override for override in overrides if override[0] not in "+~"]])
    assert unresolved(planner.compose(overrides)) == expected


def test_how_many_runs_there_will_be_is_told_before_cells_are_composed(loader: ConfigLoader) -> None:
    told: list[int] = []
    given = ["optimizer=sgd,adam", "problem=quadratic,rosenbrock", "optimizer.beta1=0.1,0.2,0.3", "seed=0,1"]
    planner = Planner(loader.load_configuration("config", given, RunMode.MULTIRUN), loader, told.append)
    assert sum(len(request.product) for request in planner.plan(given)) == 16
    assert told == [16]


def test_a_value_that_does_not_fit_is_refused_as_by_hydra_itself(loader: ConfigLoader) -> None:
    planner = Planner(loader.load_configuration("config", [], RunMode.MULTIRUN), loader)
    for overrides in (["problem.nothing=1"], ["optimizer.lr.low=1"]):
        with pytest.raises(ConfigCompositionException):
            planner.compose(overrides)


@pytest.mark.parametrize(
    ("sweep", "count"),
    [
        (["problem.points=range(10,40)", "problem.a=1,2"], 60),
        (["steps=range(1,31)"], 30),
        (["steps=range(1,31)", "+note=a", "record={points:2,params:true},{points:3,params:false}"], 60),
        (["problem.b=range(1,30),${.a}", "optimizer.lr=${oc.select:nothing,0.1},1,2"], 90),
        (["optimizer.eps=${optimizer.lr}", "optimizer.lr=logspace:1e-3:1:30"], 30),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_hydra_composes_once_for_each_choice_of_options(
    loader: ConfigLoader, monkeypatch: pytest.MonkeyPatch, sweep: list[str], count: int
) -> None:
    composed: list[list[str]] = []
    whole = loader.load_sweep_config

    def noted(config: DictConfig, overrides: list[str]) -> DictConfig:
        composed.append(overrides)
        return whole(config, overrides)

    given = ["optimizer=sgd,rmsprop", *sweep, "seed=0,1"]
    config = loader.load_configuration("config", given, RunMode.MULTIRUN)
    monkeypatch.setattr(loader, "load_sweep_config", noted)
    jobs, _ = Planner(config, loader).jobs(given)
    assert len(jobs) == 2 * count
    assert composed == [["optimizer=sgd"], ["optimizer=rmsprop"]]


def cells(planned: Sequence[Request]) -> list[tuple[str, str]]:
    return [(part.product.cell().optimizer.name, part.product.problem.name) for part in planned]


def test_a_grid_is_one_job_for_each_optimizer_and_problem(plan: Plan) -> None:
    planned = plan(
        "optimizer=sgd,adam", "problem=quadratic,rosenbrock", "optimizer.lr=0.1,0.2", "seed=range(0,5)"
    )
    problems = ("quadratic", "rosenbrock")
    assert cells(planned) == [(name, problem) for name in ("sgd", "adam") for problem in problems]
    assert {len(part.product) for part in planned} == {10}


def test_a_glob_is_every_option(plan: Plan) -> None:
    assert [name for name, _ in cells(plan("optimizer=glob(*)"))] == [
        name for name in sorted(OPTIMIZERS) if name not in ON_MATRICES
    ]
    assert [name for name, _ in cells(plan("optimizer=glob(adag*)"))] == ["adagrad"]


def test_every_numeric_hyperparameter_of_any_optimizer_is_an_axis(plan: Plan) -> None:
    for name, cls in OPTIMIZERS.items():
        ranges = cls.hyperparameters()
        pairs = {f"optimizer.{key}": drawn(ranges[key], np.random.default_rng(0), 2) for key in ranges}
        where = ["problem=logistic", "problem.data=wine"] if name in ON_MATRICES else []
        swept = [f"{key}={one},{other}" for key, (one, other) in pairs.items()]
        [part] = plan(f"optimizer={name}", *where, *swept)
        assert list(part.axes) == list(pairs)
        assert len(part.product) == 2 ** len(pairs)


def test_a_switch_and_a_constant_make_jobs(plan: Plan) -> None:
    planned = plan("optimizer.centered=true,false", "problem=rosenbrock", "problem.dim=2,3", "seed=0,1")
    assert [(part.product.cell().optimizer.centered, part.product.problem.dim) for part in planned] == [
        (True, 2),
        (True, 3),
        (False, 2),
        (False, 3),
    ]


def test_a_single_value_for_a_key_that_the_default_option_lacks_applies(plan: Plan) -> None:
    [part] = plan("optimizer=adam", "optimizer.beta1=0.7", "problem=rosenbrock", "problem.dim=3")
    assert part.product.cell().optimizer.beta1 == 0.7
    assert part.product.problem.dim == 3


def test_null_is_a_value(plan: Plan) -> None:
    [alone] = plan("problem=logistic", "problem.batch_size=null")
    assert alone.product.problem.batch_size is None
    planned = plan("problem=logistic", "problem.batch_size=null,32")
    assert [part.product.problem.batch_size for part in planned] == [None, 32]


@pytest.mark.parametrize(
    ("reading", "swept_key", "attribute"),
    [
        ("steps=${seed}", "seed=3,4", lambda cell: cell.steps),
        ("record.points=${seed}", "seed=3,4", lambda cell: cell.points),
        ("problem.dim=${seed}", "seed=3,4", lambda cell: cell.problem.dim),
        ("problem.dim=${seed},${seed}", "seed=3,4", lambda cell: cell.problem.dim),
        ("problem.perturbation=${optimizer.lr}", "optimizer.lr=3,4", lambda cell: cell.problem.perturbation),
        ("optimizer.eps=${optimizer.lr}", "optimizer.lr=3,4", lambda cell: cell.optimizer.eps),
        ("+note=${optimizer.lr}", "optimizer.lr=3,4", lambda cell: cell.optimizer.lr),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_swept_key_that_another_key_reads_stays_a_job_of_its_own(
    plan: Plan, reading: str, swept_key: str, attribute: Callable[[Any], float]
) -> None:
    planned = plan("problem=rosenbrock", reading, swept_key, "optimizer.beta=0.5,0.9")
    assert [attribute(part.product.cell()) for part in planned] == [3, 4]
    assert [dict(part.axes) for part in planned] == [{"optimizer.beta": "0.5,0.9"}] * 2


def test_a_key_with_a_like_name_is_no_reader(plan: Plan) -> None:
    [part] = plan("+optimizer_lr=${steps}", "+note=${study}", "optimizer.lr=0.1,0.2", "seed=0,1")
    assert set(part.axes) == {"optimizer.lr", "seed"}


def test_an_experiments_sweep_is_overridden_from_the_command_line(plan: Plan) -> None:
    planned = plan("+experiment=lr_choice", "optimizer=adam", "seed=0,1", "optimizer.lr=0.1", "steps=5")
    assert cells(planned) == [("adam", name) for name in ("quadratic", "logistic", "rosenbrock")]
    assert [len(part.product) for part in planned] == [2, 2, 2]
    assert {part.product.cell().steps for part in planned} == {5}
    assert {part.settings["study"] for part in planned} == {"learning_rates"}


# What may be written for a key of these options; each refers to keys that the others may set.
WORDS = {
    "optimizer.lr": ["0.3", "${oc.select:optimizer.nothing,0.1}", "${problem.scale}", "${optimizer[eps]}"],
    "optimizer.eps": ["0.01", "${.lr}", "${oc.select:optimizer.lr}", "\"${oc.decode:'\\${..problem.b}'}\""],
    "optimizer.beta": ["0.8", "${oc.select:.momentum,0.5}", "'${oc.decode:${oc.env:LANES_BETA}}'", "${nope}"],
    "problem.a": ["2", "${.b}", "${optimizer.lr}", "'${oc.select:problem.${study},3}'"],
    "problem.b": ["5", "${..seed}", "${oc.select:optimizer.beta,1}", "${optimizer}"],
    "seed": ["3", "4", "${problem.points}", "${oc.decode:7}"],
    "steps": ["6", "${seed}", "${oc.select:record.points}", "${hydra:runtime.choices.optimizer}"],
    "record.points": ["2", "${..seed}", "${.nothing}"],
}


@settings(max_examples=7, derandomize=True, database=None, deadline=None)
@given(
    grid=st.fixed_dictionaries(
        {}, optional={k: st.lists(st.sampled_from(v), min_size=1, max_size=2) for k, v in WORDS.items()}
    ).filter(lambda grid: 1 < math.prod(len(set(words)) for words in grid.values()) <= 4)
)
@example(grid={"optimizer.lr": ["0.3", "0.01"], "optimizer.eps": ["${.lr}"]})
@example(grid={"optimizer.lr": ["0.3", "0.01"], "optimizer.eps": ["${oc.select:optimizer.lr}"]})
@example(grid={"problem.b": ["5", "${..seed}"], "seed": ["3", "4"], "problem.a": ["${.b}"]})
def test_a_grid_holds_the_runs_that_single_commands_with_the_same_words_make(
    loader: ConfigLoader, plan: Plan, grid: dict[str, list[str]]
) -> None:
    with pytest.MonkeyPatch.context() as patched, quiet():
        patched.setenv("LANES_BETA", "0.7")
        expected = [alone(loader, words) for words in itertools.product(*map(typed, grid.items()))]
        try:
            together = {
                run for part in plan(*(f"{k}={','.join(v)}" for k, v in grid.items())) for run in ids(part)
            }
        except SystemExit:
            together = None
    assert together == (None if None in expected else set(expected))


def typed(words: tuple[str, list[str]]) -> list[str]:
    key, texts = words
    return [f"{key}={text}" for text in texts]


def alone(loader: ConfigLoader, words: Sequence[str]) -> str | None:
    """Return the id of the run of a single command; None if it refuses the words."""
    try:
        whole = loader.load_configuration("config", [*words], RunMode.RUN)
        config = without_hydra(whole)
        with hydra_says(whole), bad_input_ends_here():
            [run] = ids(request_from(config, {}))
    except SystemExit:
        return None
    return run


def ids(part: Request) -> list[str]:
    return list(part.product.cell().runs["run"])


def test_what_one_axis_reads_of_another_only_for_some_values_varies_between_jobs(plan: Plan) -> None:
    # the first value of `steps` leads to the seed, the second to the learning rate
    reading = "problem.b='${oc.select:${oc.select:by_${steps}}}'"
    by = ["+by_5=seed", "+by_6=optimizer.lr"]
    planned = plan(*by, reading, "steps=5,6", "seed=1,2", "optimizer.lr=3,4", "optimizer.beta=0.5,0.9")
    found = {(int(r["seed"]), int(r["steps"]), r["optimizer.lr"], r["problem.b"]) for r in rows(planned)}
    assert found == {
        (seed, steps, lr, {5: seed, 6: lr}[steps]) for seed in (1, 2) for steps in (5, 6) for lr in (3, 4)
    }


def rows(planned: Sequence[Request]) -> list[dict[Any, Any]]:
    return [row for part in planned for row in part.product.cell().runs.to_dict("records")]


def test_an_experiments_sweep_may_interpolate_what_varies(loader: ConfigLoader) -> None:
    config = loader.load_configuration("config", [], RunMode.MULTIRUN)
    with read_write(config.hydra):
        config.hydra.sweeper.params = {"problem.b": "${problem.a},9", "problem.a": "1,2"}
    jobs = Planner(config, loader).plan([])
    assert [(row["problem.a"], row["problem.b"]) for row in rows(jobs)] == [(1, 1), (2, 2), (1, 9), (2, 9)]


def test_what_is_typed_wins_over_an_experiments_sweep_and_that_is_said(
    plan: Plan, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        planned = plan(
            "+experiment=lr_choice",
            "problem=quadratic,rosenbrock",
            "optimizer=adam",
            "optimizer.lr=0.1",
            "steps=5",
        )
    assert [(*cell, len(part.product)) for cell, part in zip(cells(planned), planned, strict=True)] == [
        ("adam", "quadratic", 30),
        ("adam", "rosenbrock", 30),
    ]
    assert caplog.messages == [
        f"{typed} was typed; the experiment's {own} is left out"
        for typed, own in {
            "optimizer=adam": "optimizer=sgd,rmsprop,adagrad,adam",
            "problem=quadratic,rosenbrock": "problem=quadratic,logistic,rosenbrock",
            "optimizer.lr=0.1": "optimizer.lr=logspace:1e-5:10:25",
        }.items()
    ]


def test_what_is_typed_wins_however_the_two_are_spelled(loader: ConfigLoader) -> None:
    config = loader.load_configuration("config", [], RunMode.MULTIRUN)
    with read_write(config.hydra):
        config.hydra.sweeper.params = {"+note": "1,2", "++seed": "0,1", "steps": "3,4"}
    jobs, said = Planner(config, loader).jobs(["++note=7", "seed=5,6", "steps=3,4"])
    assert jobs == [Job(("++note=7", f"steps={steps}"), {"seed": "5,6"}) for steps in (3, 4)]
    assert said == [
        "++note=7 was typed; the experiment's +note=1,2 is left out",
        "seed=5,6 was typed; the experiment's ++seed=0,1 is left out",
    ]


@pytest.mark.parametrize("params", [{}, {"seed": "1", "+seed": "2"}])
def test_a_key_given_twice_is_refused_by_the_plan(loader: ConfigLoader, params: dict[str, str]) -> None:
    config = loader.load_configuration("config", [], RunMode.MULTIRUN)
    with read_write(config.hydra):
        config.hydra.sweeper.params = params
    with pytest.raises(ValueError, match=r"seed is given twice; write seed=1,2$"):
        Planner(config, loader).jobs([] if params else ["seed=1", "++seed=2"])


def test_dropped_keys_are_said_once_the_plan_stands(plan: Plan, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        planned = plan("optimizer=sgd,adam", "optimizer.beta1=0.5,0.9")
    assert [len(part.product) for part in planned] == [1, 2]
    assert caplog.messages == ["optimizer.beta1 does not apply to 1 of 2 cells: dropped there"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["optimizer=sgd", "optimizer.lr_decay=0.5,0.6"],
            "optimizer.lr_decay=0.5,0.6: only adagrad has lr_decay; choose",
        ),
        (["optimizer=glob(x*)"], "optimizer=glob(x*): there must be at least one value, got none"),
        (["optimizer=sgd,nope"], f"optimizer must be one of {NAMES}, got 'nope'"),
        (["optimizer=sgd,adam", "optimizer.momentum=0.5,2"], "SGD: momentum must be in [0, 1), got 2.0"),
    ],
)
def test_bad_input_ends_the_plan_with_one_line(plan: Plan, arguments: list[str], line: str) -> None:
    with quiet() as said, pytest.raises(SystemExit):
        plan(*arguments)
    assert said.getvalue().startswith(f"error: {line}")
    assert said.getvalue().count("\n") == 1
