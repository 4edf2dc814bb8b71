"""What a report says of a comparison: its alarms, and the seeds that choose and those that are shown."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd
import pytest

from experiments import tables
from experiments.figures.parts import Text
from experiments.reports.alarms import alarms
from experiments.reports.comparison import comparison_parts, uneven_parts
from experiments.request.limits import FIRST_TUNING_SEED
from experiments.tuning.protocol import split

Loss = Callable[[str, float, float, int], float]


def made(loss: Loss, seeds: range = range(6), momenta: tuple[float, ...] = (0.0, 0.9)) -> pd.DataFrame:
    """Return runs of SGD, RMSprop and Adam; ``loss`` takes optimizer, learning rate, momentum, seed."""
    rows = [
        {
            "optimizer": name,
            "problem": problem,
            "seed": seed,
            "steps": 100,
            "status": "ok",
            "optimizer.lr": lr,
            "optimizer.momentum": momentum if name == "sgd" else 0.0,
            "suboptimality": loss(name, lr, momentum, seed),
            "hit_1e-1": 10.0,
        }
        for name, problem, seed, lr, momentum in product(
            ("sgd", "rmsprop", "adam"), ("quadratic", "rosenbrock"), seeds, (0.01, 0.1, 1.0), momenta
        )
        if name == "sgd" or momentum == momenta[0]
    ]
    runs = pd.DataFrame(rows)
    return runs.assign(run=[f"run{i}" for i in range(len(runs))])


def raised(runs: pd.DataFrame, measure: str = "suboptimality") -> list[str]:
    return alarms(split(runs), measure, 2.0)


def fine(name: str, lr: float, momentum: float, seed: int) -> float:
    return 1.0 + abs(np.log10(lr) + 1)  # best in the middle of the grid


def test_a_fair_comparison_raises_no_alarm() -> None:
    assert raised(made(fine)) == []


def test_a_best_learning_rate_at_an_end_is_an_alarm() -> None:
    [line] = raised(made(lambda name, lr, momentum, seed: lr if name == "adam" else fine(name, lr, 0, 0)))
    assert line.startswith(
        "adam: the best learning rate is at an end of its grid, 0.01 to 1, on 2 of 2 problems"
    )


def test_adam_that_loses_to_rmsprop_is_an_alarm() -> None:
    [line] = raised(
        made(lambda name, lr, momentum, seed: fine(name, lr, 0, 0) * (3 if name == "adam" else 1))
    )
    assert line.startswith("adam loses to rmsprop, which it nearly contains, on 2 of 2 problems (quadratic, ")


@pytest.mark.parametrize(("worse", "count"), [(3.0, 1), (1.5, 0), (np.inf, 1)])
def test_sgd_with_momentum_that_loses_to_sgd_without_is_an_alarm(worse: float, count: int) -> None:
    runs = made(lambda name, lr, momentum, seed: fine(name, lr, 0, 0) * (worse if momentum else 1))
    lines = raised(runs)
    assert len(lines) == count
    if count:
        assert lines[0].startswith(
            "sgd with momentum loses to its own special case, sgd without, on 2 of 2 problems (quadratic, "
        )


def test_momentum_alone_or_none_at_all_raises_no_alarm() -> None:
    for momenta in ((0.0,), (0.9,)):
        assert raised(made(fine, momenta=momenta)) == []


def test_a_tuned_setting_is_held_against_the_default_on_the_reported_seeds() -> None:
    """A search draws no momentum of exactly 0; the defaults, which have it, are on the reported seeds."""
    pool = made(fine, range(FIRST_TUNING_SEED, FIRST_TUNING_SEED + 3), momenta=(0.9,))
    winners = made(lambda name, lr, momentum, seed: 10 * fine(name, lr, 0, 0), range(4), momenta=(0.9,))
    defaults = made(fine, range(4), momenta=(0.0,))
    [line] = raised(pd.concat([pool, winners, defaults], ignore_index=True))
    assert line.startswith("sgd with momentum loses to its own special case, sgd without, on 2 of 2 problems")


def test_an_accuracy_is_worse_when_it_is_lower() -> None:
    runs = made(fine).drop(columns="suboptimality")
    accuracy = np.where((runs["optimizer"] == "sgd") & (runs["optimizer.momentum"] > 0), 0.4, 0.9)
    lines = raised(runs.assign(accuracy=accuracy * (1 - 0.1 * (runs["optimizer.lr"] != 0.1))), "accuracy")
    assert [line.split(",")[0] for line in lines] == ["sgd with momentum loses to its own special case"]


def test_a_best_setting_that_stalled_is_an_alarm() -> None:
    runs = made(fine)
    stood = (runs["optimizer"] == "adam") & (runs["problem"] == "quadratic")
    [line] = raised(runs.assign(status=runs["status"].mask(stood, "stalled")))
    assert line.startswith(
        "adam: half of the runs or more at its best setting stalled, on 1 of 2 problems (q"
    )


def test_the_alarms_are_in_the_report() -> None:
    runs = made(lambda name, lr, momentum, seed: fine(name, lr, 0, 0) * (3 if momentum else 1))
    said = [part.text for part in comparison_parts(runs, "suboptimality", 2.0) if isinstance(part, Text)]
    assert any(text.startswith("- sgd with momentum loses to its own special case") for text in said)


# --- Choosing on some seeds, showing others ---


def test_of_a_search_only_what_was_rerun_is_chosen_and_its_whole_range_is_searched() -> None:
    """The trial that is best by this measure may not be the one that the search reran."""

    def lucky(name: str, lr: float, momentum: float, seed: int) -> float:
        return {0.01: 0.5, 0.1: 1.0, 1.0: 2.0}[lr]

    pool = made(lucky, range(FIRST_TUNING_SEED, FIRST_TUNING_SEED + 3), momenta=(0.0,))
    winners = made(lucky, range(4), momenta=(0.0,))
    runs = pd.concat([pool, winners[winners["optimizer.lr"] == 0.1]], ignore_index=True)
    parts = split(runs.assign(run=[f"run{i}" for i in range(len(runs))]))
    assert set(parts.choosing["optimizer.lr"]) == set(parts.shown["optimizer.lr"]) == {0.1}
    assert set(parts.trials["optimizer.lr"]) == {0.01, 1.0}
    assert alarms(parts, "suboptimality", 2.0) == []


def test_settings_are_chosen_on_some_seeds_and_shown_on_the_others() -> None:
    runs = made(lambda name, lr, momentum, seed: fine(name, lr, 0, 0) + (100 if seed < 4 else 0))
    parts = split(runs)
    assert (set(parts.choosing["seed"]), set(parts.shown["seed"])) == ({4, 5}, {0, 1, 2, 3})
    shown = tables.settings_shown(parts.choosing, parts.shown, "suboptimality")
    assert set(shown["optimizer.lr"]) == {0.1}
    assert set(shown["median"]) == {101.0}
    assert set(shown["median_when_chosen"]) == {1.0}
    assert set(shown["runs"]) == {4}
    best = tables.best_settings(parts.choosing, "suboptimality")
    assert list(shown.drop(columns="median_when_chosen")) == list(best)


def test_with_few_seeds_they_are_the_best_settings() -> None:
    runs = made(fine, range(2))
    parts = split(runs)
    shown = tables.settings_shown(parts.choosing, parts.shown, "suboptimality")
    pd.testing.assert_frame_equal(shown, tables.best_settings(runs, "suboptimality"))


def test_ranks_and_steps_at_chosen_settings_are_those_of_the_reported_runs() -> None:
    def lucky(name: str, lr: float, momentum: float, seed: int) -> float:
        if name == "adam":  # looks best on the seeds that choose, is worst on the others
            return 0.1 * fine(name, lr, 0, 0) if seed >= 4 else 50.0
        return fine(name, lr, 0, 0) * (2 if name == "sgd" else 1)

    parts = split(made(lucky))
    shown = tables.settings_shown(parts.choosing, parts.shown, "suboptimality")
    ranks = tables.ranks(parts.shown, "suboptimality", shown)
    assert list(ranks["optimizer"]) == ["rmsprop", "sgd", "adam"]
    steps = tables.steps_to_targets(parts.shown, "suboptimality", shown)
    assert set(steps["runs"]) == {4}


def said_of_holes(runs: pd.DataFrame) -> str:
    """Return what a report says of the runs that neither choose settings nor are shown."""
    by_use = split(runs, ("s",))
    chosen = tables.settings_shown(by_use.choosing, by_use.shown, "suboptimality")
    said, _ = uneven_parts(runs, by_use, chosen, "suboptimality")
    assert isinstance(said, Text)
    return said.text


def test_a_command_is_said_to_fill_a_hole_only_if_there_is_one() -> None:
    winners = made(fine, range(4), momenta=(0.9,))
    pool = made(fine, range(FIRST_TUNING_SEED, FIRST_TUNING_SEED + 3), momenta=(0.9,))
    defaults = made(fine, range(4), momenta=(0.0,))  # beside a search, by intent
    assert said_of_holes(pd.concat([pool, winners, defaults], ignore_index=True)).endswith("how they do.")
    swept = made(fine, range(6))
    partly = swept[~((swept["optimizer"] == "adam") & swept["optimizer.lr"].eq(0.01) & swept["seed"].ge(1))]
    assert said_of_holes(partly.reset_index(drop=True)).endswith("The command fills the hole.")
