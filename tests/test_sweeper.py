"""Overrides as a user writes them to jobs, and to the axes that stay inside each."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from command_line import quiet
from hydra import initialize_config_dir
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from experiments.arguments import CONF, swept
from experiments.grid import Request
from hydra_plugins.lane_sweeper.axes import Job, quoted, split, values
from hydra_plugins.lane_sweeper.plan import Planner
from optim import OPTIMIZERS

NAMES = ", ".join(sorted(OPTIMIZERS))

# --- The values of an axis ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1", [0.1]),
        ("0.1,0.2,0.3", [0.1, 0.2, 0.3]),
        ("1,2.5", [1, 2.5]),
        ("range(0,4)", [0, 1, 2, 3]),
        ("range(3)", [0, 1, 2]),
        ("range(1,10,4)", [1, 5, 9]),
        ("choice(0.1,0.2)", [0.1, 0.2]),
        ("choice(0.1)", [0.1]),
        ("sort(3,1,2)", [1, 2, 3]),
        ("logspace:1e-2:1:3", [0.01, 0.1, 1.0]),
        ("'logspace:1e-2:1:3'", [0.01, 0.1, 1.0]),
        ("choice(logspace:1e-2:1:3)", [0.01, 0.1, 1.0]),
        ("linspace:0:1:5", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("linspace:-1:1:2", [-1.0, 1.0]),
        ("0.3,logspace:1e-3:1:4", [0.3, 0.001, 0.01, 0.1, 1.0]),
        ("logspace:1:10:2,linspace:0:1:2,7", [1.0, 10.0, 0.0, 1.0, 7]),
        ("0.1,abc", [0.1, "abc"]),  # refused where the key is known, see lanes
        ("logspace:1e-3:1", ["logspace:1e-3:1"]),
    ],
)
def test_values_of_every_spelling(text: str, expected: list[Any]) -> None:
    assert values("optimizer.lr", text) == expected


def test_spaced_values_are_the_numbers_that_a_user_would_type() -> None:
    found = values("optimizer.lr", "logspace:1e-5:10:25")
    assert len(found) == 25
    assert {1e-5, 1e-4, 1e-3, 0.01, 0.1, 1.0, 10.0} <= set(found)
    assert np.diff(np.log10(found)) == pytest.approx(np.full(24, 0.25))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("interval(0,1)", "k=interval(0,1): how many values? Write logspace:low:high:count or linspace:"),
        ("range(3,3)", "k=range(3,3): there must be at least one value, got none"),
        ("logspace:0:1:5", "k=logspace:0:1:5: logspace:low:high:count needs 0 < low < high and a count from"),
        ("logspace:1:0.1:5", "k=logspace:1:0.1:5: logspace:low:high:count needs 0 < low < high and a count"),
        ("linspace:1:1:5", "k=linspace:1:1:5: linspace:low:high:count needs low < high and a count from 2"),
        ("logspace:0.1:1:1", "k=logspace:0.1:1:1: logspace:low:high:count needs"),
        ("logspace:0.1:1:2.5", "k=logspace:0.1:1:2.5: logspace:low:high:count needs"),
        ("0.3,logspace:a:1:5", "k=logspace:a:1:5: logspace:low:high:count needs"),
    ],
)
def test_an_axis_without_a_count_or_badly_spaced_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - its beginning is compared
        values("k", text)
    assert str(refused.value).startswith(message)


# --- The split: which sweeps stay inside a job ---

HAS = {"optimizer.beta1": ("adam",), "optimizer.momentum": ("sgd", "rmsprop"), "problem.dim": ("rosenbrock",)}


def has_key(chosen: list[str], key: str) -> bool:
    """Tell whether a job has a key, by the choices that ``HAS`` lists; other keys are everywhere."""
    if key == "foo.bar":
        return False
    return key not in HAS or any(f"={name}" in text for text in chosen for name in HAS[key])


def is_axis(key: str) -> bool:
    return key in ("seed", "optimizer.lr", "optimizer.beta1", "optimizer.momentum")


def parsed(*overrides: str) -> list[Override]:
    return OverridesParser.create().parse_overrides(list(overrides))


def jobs_of(*overrides: str) -> list[Job]:
    return split(parsed(*overrides), is_axis, has_key)[0]


def test_seeds_and_numbers_stay_inside_and_choices_make_jobs() -> None:
    jobs = jobs_of("optimizer=sgd,adam", "problem=quadratic", "optimizer.lr=0.1,0.2", "seed=range(0,1000)")
    axes = {"optimizer.lr": "0.1,0.2", "seed": "range(0,1000)"}  # as they were written: short
    assert jobs == [
        Job(("optimizer=sgd", "problem=quadratic"), axes),
        Job(("optimizer=adam", "problem=quadratic"), axes),
    ]


def test_a_spaced_axis_stays_inside_and_a_single_value_is_no_axis() -> None:
    assert jobs_of("optimizer.lr=logspace:1e-3:1:4", "seed=3") == [
        Job(("seed=3",), {"optimizer.lr": "logspace:1e-3:1:4"})
    ]


def test_sweeps_over_other_keys_make_jobs() -> None:
    jobs = jobs_of("steps=10,20", "record.points=5,6", "seed=0,1")
    assert [job.overrides for job in jobs] == [
        (f"steps={steps}", f"record.points={points}") for steps in (10, 20) for points in (5, 6)
    ]
    assert {job.axes["seed"] for job in jobs} == {"0,1"}


def test_a_sweep_over_interpolations_makes_jobs() -> None:
    [first, second] = jobs_of("optimizer.lr=0.1,${steps}", "seed=0,1")
    assert first == Job(("optimizer.lr=0.1",), {"seed": "0,1"})
    assert "steps" in second.overrides[0]


def test_of_two_overrides_with_the_same_key_the_later_one_holds() -> None:
    assert jobs_of("seed=0,1", "steps=5", "seed=7,8", "steps=6") == [Job(("steps=6",), {"seed": "7,8"})]
    assert jobs_of("seed=0,1", "seed=7") == [Job(("seed=7",), {})]
    assert jobs_of("optimizer=sgd,adam", "optimizer=adam") == [Job(("optimizer=adam",), {})]


def test_equal_values_of_a_choice_make_one_job() -> None:
    assert jobs_of("optimizer=sgd,sgd", "steps=5,5,6") == [
        Job(("optimizer=sgd", "steps=5"), {}),
        Job(("optimizer=sgd", "steps=6"), {}),
    ]


def test_a_key_that_some_cells_lack_is_dropped_there_with_a_line() -> None:
    jobs, dropped = split(
        parsed("optimizer=sgd,adam,rmsprop", "optimizer.beta1=0.5,0.9", "optimizer.momentum=0.9,0.99"),
        is_axis,
        has_key,
    )
    momentum, beta1 = {"optimizer.momentum": "0.9,0.99"}, {"optimizer.beta1": "0.5,0.9"}
    assert jobs == [
        Job(("optimizer=sgd",), momentum),
        Job(("optimizer=adam",), beta1),
        Job(("optimizer=rmsprop",), momentum),
    ]
    assert dropped == [
        "optimizer.beta1 does not apply to 2 of 3 cells: dropped there",
        "optimizer.momentum does not apply to 1 of 3 cells: dropped there",
    ]


def test_a_swept_constant_that_some_cells_lack_makes_jobs_only_where_it_applies() -> None:
    jobs, dropped = split(parsed("problem=quadratic,rosenbrock", "problem.dim=2,5"), is_axis, has_key)
    assert [job.overrides for job in jobs] == [
        ("problem=quadratic",),
        ("problem=rosenbrock", "problem.dim=2"),
        ("problem=rosenbrock", "problem.dim=5"),
    ]
    assert dropped == ["problem.dim does not apply to 1 of 2 cells: dropped there"]


def test_nothing_is_said_when_nothing_is_dropped() -> None:
    assert split(parsed("optimizer=sgd,adam", "seed=0,1"), is_axis, has_key)[1] == []


@pytest.mark.parametrize("override", ["optimizer.beta1=0.5,0.9", "foo.bar=1", "foo.bar=1,2"])
def test_a_key_that_no_cell_has_is_an_error(override: str) -> None:
    with pytest.raises(KeyError) as refused:
        jobs_of("optimizer=sgd,rmsprop", override)
    assert refused.value.args == (override,)


def test_a_choice_over_an_interval_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^problem\.noise=interval\(0,1\): an interval has no count"):
        jobs_of("problem.noise=interval(0,1)")


# --- What Hydra is handed ---


@pytest.mark.parametrize(
    "text",
    [
        "0.1,0.2",
        "range(0,100)",
        "choice('a','b')",
        "logspace:1e-3:1:4,'it''s'",
        r"a\b",
        r"\\'",
        "{a: 1}, [2]",
        '"x"',
    ],
)
def test_a_text_survives_its_quotation(text: str) -> None:
    [override] = parsed(f"key={quoted(text)}")
    assert override.value() == text


# --- A plain override of a multirun ---


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("optimizer.beta1=0.5", "optimizer.beta1=choice(0.5)"),
        ("problem.data=digits", "problem.data=choice(digits)"),
        ("problem.batch_size=null", "problem.batch_size=null,null"),
        ("optimizer.lr=", "optimizer.lr=choice('')"),
        ("optimizer.lr=0.1,0.2", "optimizer.lr=0.1,0.2"),
        ("optimizer.lr=range(1,3)", "optimizer.lr=range(1,3)"),
        ("optimizer=sgd", "optimizer=sgd"),
        ("steps=5", "steps=5"),
        ("record.points=5", "record.points=5"),
        ("-m", "-m"),
    ],
)
def test_a_nested_override_of_a_multirun_reaches_the_sweeper(argument: str, expected: str) -> None:
    for sign in ("-m", "--multirun", "+experiment=fit"):
        assert swept(argument, [sign, argument]) == expected
    assert swept(argument, [argument]) == argument


# --- The plan: real configurations ---

Plan = Callable[..., list[Request]]


@pytest.fixture(scope="module")
def loader() -> Iterator[ConfigLoader]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


@pytest.fixture(scope="module")
def plan(loader: ConfigLoader) -> Plan:
    """A function from a multirun's arguments to what it would run."""

    def planned(*arguments: str) -> list[Request]:
        given = [swept(argument, ["-m"]) for argument in arguments]
        config = loader.load_configuration("config", given, RunMode.MULTIRUN)
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
    ],
    ids=" ".join,
)
def test_a_job_is_composed_as_hydra_itself_would(loader: ConfigLoader, overrides: list[str]) -> None:
    master = loader.load_configuration("config", [], RunMode.MULTIRUN)
    whole = loader.load_sweep_config(master, overrides)
    expected = OmegaConf.to_container(whole, resolve=False)
    assert isinstance(expected, dict)
    expected.pop("hydra")
    planner = Planner(master, loader)
    planner.compose(["record.points=9", *[override for override in overrides if override[0] != "+"]])
    assert OmegaConf.to_container(planner.compose(overrides), resolve=False) == expected


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


def test_hydra_composes_once_for_each_choice_of_options(
    loader: ConfigLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed: list[list[str]] = []
    whole = loader.load_sweep_config

    def noted(config: DictConfig, overrides: list[str]) -> DictConfig:
        composed.append(overrides)
        return whole(config, overrides)

    given = ["optimizer=sgd,adam", "problem.points=range(10,40)", "problem.a=1,2", "seed=0,1"]
    config = loader.load_configuration("config", given, RunMode.MULTIRUN)
    monkeypatch.setattr(loader, "load_sweep_config", noted)
    assert len(Planner(config, loader).plan(given)) == 120
    assert composed == [["optimizer=sgd"], ["optimizer=adam"]]


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
    assert [name for name, _ in cells(plan("optimizer=glob(*)"))] == sorted(OPTIMIZERS)
    assert [name for name, _ in cells(plan("optimizer=glob(ad*)"))] == ["adagrad", "adam"]


def test_every_numeric_hyperparameter_of_any_optimizer_is_an_axis(plan: Plan) -> None:
    for name, cls in OPTIMIZERS.items():
        keys = [f"optimizer.{key}" for key in cls.hyperparameters()]
        [part] = plan(f"optimizer={name}", *(f"{key}=0.1,0.2" for key in keys))
        assert list(part.axes) == keys
        assert len(part.product) == 2 ** len(keys)


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


def test_dropped_keys_are_said_once_the_plan_stands(plan: Plan, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        planned = plan("optimizer=sgd,adam", "optimizer.beta1=0.5,0.9")
    assert [len(part.product) for part in planned] == [1, 2]
    assert caplog.messages == ["optimizer.beta1 does not apply to 1 of 2 cells: dropped there"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["optimizer=sgd", "optimizer.beta1=0.5,0.6"],
            "optimizer.beta1=0.5,0.6: only adam has beta1; choose",
        ),
        (["optimizer=glob(x*)"], "optimizer=glob(x*): there must be at least one value, got none"),
        (["optimizer=sgd,lion"], f"optimizer must be one of {NAMES}, got 'lion'"),
        (["optimizer=sgd,adam", "optimizer.momentum=0.5,2"], "SGD: momentum must be in [0, 1), got 2.0"),
    ],
)
def test_bad_input_ends_the_plan_with_one_line(plan: Plan, arguments: list[str], line: str) -> None:
    with quiet() as said, pytest.raises(SystemExit):
        plan(*arguments)
    assert said.getvalue().startswith(f"error: {line}")
    assert said.getvalue().count("\n") == 1
