"""A report is grouped by the suites that a study's instances belong to."""

import pandas as pd
import pytest
from frames import frames, stacked

from experiments import tables
from experiments.figures.parts import Part, Text
from experiments.reports import suites
from experiments.reports.comparison import parts_of
from experiments.tuning.protocol import split

BOWLS = [{"problem": "quadratic_bowl", "dim": dim} for dim in (2, 3, 4)]
LISTED = {
    "bowls": BOWLS,
    "mixed": [{"problem": "rosenbrock"}, BOWLS[0], {"problem": "logistic"}],
    "elsewhere": [{"problem": "logistic"}, {"problem": "mlp"}, BOWLS[0]],
}


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suites, "suites", lambda: LISTED)


def study(*instances: dict[str, object]) -> pd.DataFrame:
    """Return the runs of two optimizers on these instances."""
    parts = [
        frames(
            rule,
            str(each["problem"]),
            {"lr": [0.01]},
            constants={k: v for k, v in each.items() if k != "problem"},
        )
        for rule in ("sgd", "adam")
        for each in instances
    ]
    return tables.labelled(stacked(*parts)[0])


def test_a_study_of_one_suite_says_so_and_is_compared_once() -> None:
    runs = study(*BOWLS)
    assert [each.said for each in suites.memberships(runs)] == ["Instances of the suite bowls: all 3."]
    assert headings(runs) == []


def test_instances_that_a_suite_has_and_a_study_lacks_are_named() -> None:
    [found] = suites.memberships(study(*BOWLS[:2]))
    assert found.said == "Instances of the suite bowls: 2 of 3, without quadratic_bowl dim=4."


def test_a_study_of_more_than_a_suite_is_compared_over_each_alone() -> None:
    runs = study(*BOWLS, {"problem": "rosenbrock"})
    found = {each.suite: each for each in suites.memberships(runs)}
    assert set(found) == {"bowls", "mixed"}
    assert found["bowls"].said == "Instances of the suite bowls: all 3; 1 other instance beside them."
    assert found["mixed"].labels == {"rosenbrock", "quadratic_bowl dim=2"}
    assert headings(runs) == ["### Over the suite bowls", "### Over the suite mixed"]


def test_the_tables_of_a_suite_have_names_and_runs_of_their_own() -> None:
    runs = study(*BOWLS, {"problem": "rosenbrock"})
    found = [part for part in compared(runs) if not isinstance(part, Text)]
    names = [(type(part), part.name) for part in found]
    assert len(set(names)) == len(names)
    there = {part.name: set(part.runs["problem"].astype(str)) for part in found if part.runs is not None}
    assert there["expected_running_time_bowls"] == {f"quadratic_bowl dim={dim}" for dim in (2, 3, 4)}
    assert len(there["expected_running_time"]) == 4


def compared(runs: pd.DataFrame) -> list[Part]:
    return list(parts_of(split(runs, ("s",)), "suboptimality", 2.0, ("s",)))


def headings(runs: pd.DataFrame) -> list[str]:
    return [part.text for part in compared(runs) if isinstance(part, Text) and part.text.startswith("### ")]
