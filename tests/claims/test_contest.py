"""The four findings of Schmidt et al., on losses made up so that each verdict is known."""

from collections.abc import Callable, Mapping
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import friedmanchisquare
from verdicts import PARTLY, REFUTED, REPRODUCED, UNDECIDED, decided

from experiments.claims import Evidence, Verdict
from experiments.claims.contest import contest_of, medians
from experiments.claims.problem_dependence import concordance
from experiments.tuning import FIRST_TUNING_SEED

NAMES = ("adagrad", "adam", "rmsprop", "sgd", "yogi", "lion")
PROBLEMS = ("a", "b", "c", "d")
SCHEDULES = ("constant", "cosine")
DEFAULT_LR, FEW, MANY = 0.5, 0.1, 0.2
Loss = Callable[[str, str, str, float, int], float]
"""By problem, schedule, optimizer, learning rate and seed."""


def contest(loss: Loss, seeds: int = 10, without: Mapping[str, object] | None = None) -> Evidence:
    """Return runs at defaults and at what two trials and four chose, and the searches."""
    runs, trials = [], []
    for problem, schedule, name in product(PROBLEMS, SCHEDULES, NAMES):
        cell = {"problem": problem, "problem.size": 3.0, "schedule": schedule, "optimizer": name}
        for lr, best in ((MANY, "best_of_4"), (FEW, "best_of_2")):
            flags = {"best_of_2": best == "best_of_2", "best_of_4": best == "best_of_4"}
            trials.append(cell | {"optimizer.lr": lr, **flags})
        for lr, seed in product((DEFAULT_LR, FEW, MANY), [*range(seeds), FIRST_TUNING_SEED]):
            runs.append(
                cell | {"optimizer.lr": lr, "seed": seed, "loss": loss(problem, schedule, name, lr, seed)}
            )
    table = pd.DataFrame(runs).assign(
        run=[f"run{number}" for number in range(len(runs))], steps=10, status="ok"
    )
    if without:
        lost = np.logical_and.reduce([table[key] == value for key, value in without.items()])
        table = table[~lost].reset_index(drop=True)
    names = ["problem", "optimizer", "schedule"]
    return Evidence(table.astype(dict.fromkeys(names, "category")), pd.DataFrame(), pd.DataFrame(trials))


def order(problem: str, name: str) -> int:
    return (NAMES.index(name) + 2 * PROBLEMS.index(problem)) % len(NAMES)


def one_order(problem: str, schedule: str, name: str, lr: float, seed: int) -> float:
    return NAMES.index(name) + 0.1 * (seed % 3)


def changing_order(problem: str, schedule: str, name: str, lr: float, seed: int) -> float:
    return order(problem, name) + 0.1 * (seed % 3)


def at_random(problem: str, schedule: str, name: str, lr: float, seed: int) -> float:
    words = [PROBLEMS.index(problem), SCHEDULES.index(schedule), NAMES.index(name), int(lr * 10), seed]
    return float(np.random.default_rng(words).random())


def two_best(problem: str, schedule: str, name: str, lr: float, seed: int) -> float:
    first, second = ("adam", "sgd") if problem in "ab" else ("sgd", "adam")
    rest = (NAMES.index(name) + 3 * PROBLEMS.index(problem)) % 6 + 2
    return 0.0 if name == first else 9.0 if name == second else rest


@pytest.mark.parametrize(
    ("loss", "verdict"), [(one_order, REFUTED), (changing_order, REPRODUCED), (two_best, PARTLY)]
)
def test_problems_that_rank_differently_show_that_it_depends_on_them(loss: Loss, verdict: Verdict) -> None:
    assert decided("problem_dependence", contest(loss)).verdict == verdict


@pytest.mark.parametrize(("loss", "agreement"), [(one_order, 1.0), (changing_order, None)])
def test_kendalls_w_is_that_of_friedmans_statistic(loss: Loss, agreement: float | None) -> None:
    made = contest_of(contest(loss))
    everything = np.arange(10)[None]
    middle = medians(made.under("cosine").at(4), everything)[0]
    statistic = friedmanchisquare(*middle.T).statistic / (len(PROBLEMS) * (len(NAMES) - 1))
    assert concordance(made.under("cosine"), 4, everything)[0] == pytest.approx(statistic, rel=1e-12)
    if agreement is not None:
        assert statistic == pytest.approx(agreement)


def tuning_helps(problem: str, schedule: str, name: str, lr: float, seed: int) -> float:
    return (2.0 if lr == DEFAULT_LR else 1.0) + 0.01 * order(problem, name)


def tuning_does_not(problem: str, schedule: str, name: str, lr: float, seed: int) -> float:
    return 1.0 + 0.01 * order(problem, name)


@pytest.mark.parametrize(
    ("loss", "verdict"), [(tuning_helps, REFUTED), (tuning_does_not, REPRODUCED), (at_random, UNDECIDED)]
)
def test_the_best_of_the_others_defaults_is_held_against_one_tuned(loss: Loss, verdict: Verdict) -> None:
    found = decided("defaults_suffice", contest(loss))
    assert found.verdict == verdict
    if loss is tuning_does_not:  # all but the best itself, which no other is as good as
        assert found.effect.value == pytest.approx(1 - 1 / len(NAMES))


@pytest.mark.parametrize(
    ("loss", "verdict"), [(one_order, REFUTED), (changing_order, REPRODUCED), (two_best, REPRODUCED)]
)
def test_one_that_is_best_on_most_dominates(loss: Loss, verdict: Verdict) -> None:
    found = decided("no_dominance", contest(loss))
    assert found.verdict == verdict
    if loss is one_order:
        assert (found.effect.value, found.effect.low) == (1.0, 1.0)
        assert (
            "The most successful optimizer, adagrad, is best in a share 1 [1, 1] of 8 cells" in found.evidence
        )


def adam_when(lrs: tuple[float, ...]) -> Loss:
    def loss(problem: str, schedule: str, name: str, lr: float, seed: int) -> float:
        if name == "adam":
            return 0.0 if lr in lrs else 10.0
        return 1.0 + order(problem, name)

    return loss


@pytest.mark.parametrize(
    ("lrs", "verdict"), [((FEW, MANY), REPRODUCED), ((MANY,), PARTLY), ((DEFAULT_LR,), REFUTED)]
)
def test_adam_is_strong_where_its_mean_rank_is(lrs: tuple[float, ...], verdict: Verdict) -> None:
    found = decided("adam_strong", contest(adam_when(lrs)))
    assert found.verdict == verdict
    expected = 1.0 if MANY in lrs else float(len(NAMES))
    assert (found.effect.low, found.effect.value, found.effect.high) == (expected,) * 3


def test_a_run_that_diverged_is_the_worst_and_none_is_lost() -> None:
    evidence = contest(lambda p, s, name, lr, seed: np.nan if name == "adam" else order(p, name))
    made = contest_of(evidence)
    assert made.loss.shape == (3, 8, len(NAMES), 10)
    assert np.isinf(made.loss[:, :, made.contenders.index("adam")]).all()
    assert decided("adam_strong", evidence).effect.value == len(NAMES)


def test_defaults_are_what_no_search_drew() -> None:
    made = contest_of(contest(lambda p, s, n, lr, seed: lr))
    assert made.budgets == (0, 2, 4)
    assert [set(np.unique(made.at(budget))) for budget in made.budgets] == [{DEFAULT_LR}, {FEW}, {MANY}]


def test_a_cell_with_a_hole_is_left_out_with_a_word() -> None:
    hole = {"problem": "b", "schedule": "cosine", "optimizer": "sgd", "optimizer.lr": FEW, "seed": 3}
    evidence = contest(changing_order, without=hole)
    assert contest_of(evidence).left_out == (("b", "cosine"),)
    for claim in ("problem_dependence", "defaults_suffice", "no_dominance", "adam_strong"):
        assert (
            "1 cell left out, not every contender having every run there."
            in decided(claim, evidence).evidence
        )


def test_nothing_whole_is_refused() -> None:
    with pytest.raises(ValueError, match="no problem has every contender"):
        contest_of(contest(one_order, without={"optimizer": "sgd", "optimizer.lr": FEW}))
