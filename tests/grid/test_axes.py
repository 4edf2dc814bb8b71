"""The values of an axis, and which sweeps stay inside a job."""

from typing import Any

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from experiments.command_line.arguments import swept
from experiments.grid.axes import Job, quoted, split, values


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
        ("range(0,3),7", [0, 1, 2, 7]),
        ("choice(1,2),'logspace:1:10:2'", [1, 2, 1.0, 10.0]),
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


HAS = {"optimizer.beta1": ("adam",), "optimizer.momentum": ("sgd", "rmsprop"), "problem.dim": ("rosenbrock",)}


def has_key(chosen: list[str], key: str) -> bool:
    """Tell whether a job has a key, by the choices that ``HAS`` lists; other keys are everywhere."""
    if key == "foo.bar":
        return False
    return key not in HAS or any(f"={name}" in text for text in chosen for name in HAS[key])


def is_axis(chosen: list[str], key: str) -> bool:
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
    assert jobs_of(r"optimizer.lr=0.1,$\{steps\}")[1].overrides == second.overrides


@pytest.mark.parametrize("other", ["null", "true", "'a, b'", "'${.b}${.b}'", "[1,2]"])
def test_what_stands_beside_a_spaced_axis_is_handed_on_as_it_was_written(other: str) -> None:
    jobs = jobs_of(f"problem.noise={other},linspace:0:1:2")
    assert [job.overrides for job in jobs[1:]] == [("problem.noise=0.0",), ("problem.noise=1.0",)]
    assert parsed(*jobs[0].overrides)[0].value() == parsed(f"problem.noise={other}")[0].value()


def test_the_overrides_of_a_job_stand_in_the_order_in_which_they_were_typed() -> None:
    [job, _] = jobs_of("record.points=5", "record={points:3,params:True},null", "optimizer=sgd")
    assert job.overrides == ("record.points=5", "record={points:3,params:True}", "optimizer=sgd")


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
    assert refused.value.args == (override, ["optimizer=rmsprop"])


def test_a_choice_over_an_interval_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^problem\.noise=interval\(0,1\): an interval has no count"):
        jobs_of("problem.noise=interval(0,1)")
    with pytest.raises(ValueError, match=r"^problem\.noise=0,interval\(0,1\): an interval has no count"):
        jobs_of("problem.noise=0,interval(0,1)")


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
