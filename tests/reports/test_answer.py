"""The answer that a report begins with, on made-up numbers of which one knows what they say."""

import numpy as np
import pandas as pd
import pytest
import scikit_posthocs
from scipy.stats import rankdata, wilcoxon

from experiments.figures.parts import Table, Text
from experiments.reports.answer import answer_parts
from experiments.reports.comparison import comparison_parts
from experiments.tuning.protocol import split

SEEDS = 9
Costs = dict[str, list[float]]
"""The typical result of each optimizer on each of some bowls, of dimension 2, 3 …"""


def study(
    costs: Costs, *, seeds: int = SEEDS, measure: str = "suboptimality", spread: float = 0.01
) -> pd.DataFrame:
    """Return runs at two learning rates, of which 0.1 does a hundred times worse, on each bowl."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "run": f"{name}-{place}-{lr}-{seed}",
            "optimizer": name,
            "problem": "quadratic_bowl",
            "problem.dim": 2 + place,
            "seed": seed,
            "steps": 100,
            "optimizer.lr": lr,
            "status": "diverged" if cost == np.inf else "ok",
            measure: cost * (1 + spread * rng.random()) * (100 if lr == 0.1 and measure != "accuracy" else 1),
        }
        for name, values in costs.items()
        for place, cost in enumerate(values)
        if cost == cost
        for lr in (0.01, 0.1)
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows)


def answered(runs: pd.DataFrame, measure: str = "suboptimality") -> tuple[str, list[Table]]:
    """Return the texts of an answer, and its tables."""
    parts = list(answer_parts(split(runs), measure, 2.0, ("study=s",)))
    texts = [part.text for part in parts if isinstance(part, Text)]
    return "\n".join(texts), [part for part in parts if isinstance(part, Table)]


BOWLS: Costs = {
    "adam": [1.0, 1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    "sgd": [2.0, 3.0, 1.0, 2.0, 2.0, 2.0, 2.0, 4.0],
    "rmsprop": [9.0, 8.0, 7.0, 9.0, 9.0, 9.0, 9.0, 9.0],
}


def test_over_instances_the_best_mean_rank_leads_with_the_tests_of_its_lead() -> None:
    said, [table] = answered(study(BOWLS, spread=0))
    rows = table.frame.set_index("optimizer")
    costs = np.array(list(BOWLS.values())).T
    ranks = dict(zip(BOWLS, rankdata(costs, axis=1).mean(axis=0), strict=True))
    assert rows["mean_rank"].to_dict() == pytest.approx(ranks)
    assert list(rows.index) == ["adam", "sgd", "rmsprop"]
    expected = scikit_posthocs.posthoc_nemenyi_friedman(costs)
    assert rows["p"].tolist()[1:] == pytest.approx(expected.iloc[0, 1:].tolist(), abs=1e-3)
    assert rows.loc["sgd", "ratio"] == pytest.approx(np.median(costs[:, 1] / costs[:, 0]))
    assert rows.loc["adam", "best_on"] == "7 of 8"
    assert "**adam** has the best mean rank, 1.12 of 3" in said
    assert "it is better than rmsprop by more than chance" in said
    assert "it is not shown to be better than sgd (Nemenyi, 5%)" in said
    assert "Each chose its setting on each problem from 2 settings" in said
    assert "seeds 0 to 5 that are shown" in said


def test_of_two_optimizers_wilcoxons_test_tells() -> None:
    both = {name: BOWLS[name] for name in ("adam", "rmsprop")}
    said, [table] = answered(study(both, spread=0))
    logs = np.log(np.array(both["rmsprop"]) / np.array(both["adam"]))
    p = table.frame.set_index("optimizer").loc["rmsprop", "p"]
    assert p <= 0.05
    assert wilcoxon(logs).pvalue <= 0.05
    assert "it is better than rmsprop by more than chance (Wilcoxon, 5%)" in said


def test_an_instance_that_not_all_ran_on_is_named_as_left_out() -> None:
    holes = {**BOWLS, "sgd": [*BOWLS["sgd"][:-2], np.nan, np.nan]}
    said, [table] = answered(study(holes))
    assert "Over 6 problem instances" in said
    assert "2 instances that not all ran on left out." in said
    assert set(table.frame["optimizer"]) == set(BOWLS)


def test_of_few_instances_seeds_tell_and_nothing_is_said_beyond_them() -> None:
    said, [table] = answered(study({name: values[:1] for name, values in BOWLS.items()}))
    assert "too few problem instances to compare over them, 1 of 3" in said
    assert "so this holds for these alone" in said
    assert "**adam** has the best median" in said
    assert "is better than sgd" in said
    row = table.frame.set_index("optimizer").loc["sgd"]
    assert (row["best_is_better"], row["high"], row["seeds"]) == (1.0, 1.0, 6)
    assert row["low"] == pytest.approx(0.05 ** (1 / 6) / 2 ** (1 / 6), abs=1e-6)  # Clopper-Pearson of 6 of 6


def test_a_lead_within_the_noise_of_seeds_is_not_called_one() -> None:
    alike = study({"adam": [1.0], "sgd": [1.001]}, spread=5)
    said, _ = answered(alike)
    assert "is not shown to be better than" in said


def test_one_seed_cannot_tell() -> None:
    said, [table] = answered(study({name: values[:1] for name, values in BOWLS.items()}, seeds=1))
    assert "too few seeds are shared to tell how surely" in said
    assert "the runs that chose are those that are shown, which flatters" in said
    assert table.frame["best_is_better"].isna().all()


def test_one_optimizer_is_compared_with_nobody() -> None:
    said, found = answered(study({"adam": BOWLS["adam"]}))
    assert "Nothing is compared: only adam ran." in said
    assert found == []


def test_who_diverged_everywhere_is_last_and_there() -> None:
    said, [table] = answered(study({**BOWLS, "sgd": [np.inf] * 8}))
    last = table.frame.iloc[-1]
    assert (last["optimizer"], last["diverged"], last["best_on"]) == ("sgd", 1.0, "0 of 8")
    assert "sgd: has no best setting on 8 of 8 problems" in said


def test_uneven_numbers_of_settings_are_told() -> None:
    runs = study(BOWLS)
    said, _ = answered(runs[(runs["optimizer"] != "sgd") | (runs["optimizer.lr"] == 0.01)])
    assert "which is uneven: adam 2, rmsprop 2 and sgd 1" in said


def test_uneven_seeds_are_not_said_to_be_alike() -> None:
    runs = study(BOWLS)
    said, _ = answered(runs[(runs["optimizer"] != "sgd") | (runs["seed"] == 8)])
    assert "is not the same for all: the table `seeds` has them" in said


ACCURACIES: Costs = {"adam": [0.9, 0.8, 0.95, 0.9, 0.85, 0.92], "sgd": [0.8, 0.75, 0.9, 0.85, 0.8, 0.9]}


def test_accuracies_are_compared_by_differences() -> None:
    runs = study(ACCURACIES, measure="accuracy", spread=0)
    said, [table] = answered(runs, "accuracy")
    apart = np.median(np.array(ACCURACIES["adam"]) - np.array(ACCURACIES["sgd"]))
    assert table.frame.set_index("optimizer").loc["sgd", "difference"] == pytest.approx(apart)
    assert f"has a accuracy lower by {apart:.3g}" not in said
    assert f"The next, sgd, is {apart:.3g} [" in said


def test_pairs_of_accuracies_do_not_all_tie() -> None:
    runs = study(ACCURACIES, measure="accuracy", spread=0)
    [table] = [
        part.frame
        for part in comparison_parts(runs, "accuracy", 2.0)
        if isinstance(part, Table) and part.name == "paired_differences"
    ]
    row = table.iloc[0]
    apart = np.median(np.array(ACCURACIES["adam"]) - np.array(ACCURACIES["sgd"]))
    assert abs(row["value"]) == pytest.approx(apart)
    assert row["Wilcoxon p, Holm"] == pytest.approx(wilcoxon(*map(np.array, ACCURACIES.values())).pvalue)
