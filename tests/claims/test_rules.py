"""Claims without code, decided on made-up runs."""

from math import inf, log, nan

import numpy as np
import pandas as pd
import pytest
from rules import ADAM_FASTER, NO_HISTORY, ahead, effect_of, made_up, rule, verdict_of
from scipy.stats import binom

from experiments.claims.base import Evidence, Verdict
from experiments.claims.rules import decided, map_of
from experiments.claims.rules.comparisons import compared
from experiments.claims.rules.map import map_table
from experiments.claims.rules.reading import check, read
from experiments.claims.rules.there import there_in
from experiments.request.limits import FIRST_TUNING_SEED

REPRODUCED, PARTLY, REFUTED, UNDECIDED = Verdict


def on_ackley_only(problem: str, name: str, lr: float, seed: int) -> float:
    return (10.0 if name == "sgd" else 5.0 if problem == "ackley" else 11.0) + seed % 3


def by_chance(problem: str, name: str, lr: float, seed: int) -> float:
    return 10.0 if name == "sgd" else 10.0 + (1 if seed % 2 else -1)


# The verdict


@pytest.mark.parametrize(
    ("numbers", "verdict"),
    [
        (ahead(1.0), REPRODUCED),
        (on_ackley_only, PARTLY),
        (ahead(-1.0), REFUTED),
        (ahead(0.0), UNDECIDED),
        (by_chance, UNDECIDED),
    ],
)
def test_the_conditions_are_tried_in_their_order(numbers: object, verdict: Verdict) -> None:
    assert callable(numbers)
    assert verdict_of(rule(), made_up(numbers)) == verdict


@pytest.mark.parametrize(
    ("conditions", "verdict"),
    [
        ({"reproduced": "any"}, REPRODUCED),
        ({"reproduced": 0.5}, REPRODUCED),
        ({"reproduced": "most", "partly": 0.5}, PARTLY),
        ({"partly": "never"}, REFUTED),
        ({"partly": "never", "refuted": "most"}, UNDECIDED),
        ({"reproduced": "overall"}, REPRODUCED),
        ({"reproduced": "never", "partly": "overall"}, PARTLY),
    ],
)
def test_a_condition_is_a_word_or_a_share(conditions: dict[str, object], verdict: Verdict) -> None:
    """Adam is 5 ahead on one of two problems and 1 behind on the other: 2 ahead on the whole."""
    assert verdict_of(rule(**conditions), made_up(on_ackley_only)) == verdict


@pytest.mark.parametrize(("margin", "verdict"), [(0.9, REPRODUCED), (1.1, REFUTED)])
def test_a_margin_is_claimed_at_least(margin: float, verdict: Verdict) -> None:
    assert verdict_of(rule(margin=margin), made_up(ahead(1.0))) == verdict


@pytest.mark.parametrize(("factor", "verdict"), [(1.9, REPRODUCED), (2.1, REFUTED)])
def test_a_factor_is_claimed_at_least(factor: float, verdict: Verdict) -> None:
    finding = decided(rule(ADAM_FASTER, factor=factor), made_up(ahead(5.0)))
    assert finding.verdict == verdict
    assert finding.effect.value == pytest.approx(2.0)


@pytest.mark.parametrize(("direction", "verdict"), [("lower", REPRODUCED), ("higher", REFUTED)])
def test_the_direction_says_which_end_is_claimed(direction: str, verdict: Verdict) -> None:
    assert verdict_of(rule(direction=direction), made_up(ahead(1.0))) == verdict


def test_more_accuracy_is_better_unless_said_otherwise() -> None:
    evidence = made_up(ahead(-1.0))
    runs = evidence.runs.assign(accuracy=evidence.runs["loss"] / 100)
    finding = decided(rule(measure="accuracy"), Evidence(runs, NO_HISTORY))
    assert finding.verdict == REPRODUCED
    assert finding.effect.value == pytest.approx(0.01)


def test_single_comparisons_are_held_to_a_level_for_all_of_them() -> None:
    """Eight of nine seeds: 2 * P(B(9, 1/2) <= 1) is 0.039, enough for one comparison, not for one of two."""

    def eight_of_nine(problem: str, name: str, lr: float, seed: int) -> float:
        return 10.0 - (
            1.0 if name == "adam" and (problem == "booth" or seed) else -1.0 if name == "adam" else 0
        )

    assert 0.025 < 2 * binom.cdf(1, 9, 0.5) < 0.05
    only = made_up(eight_of_nine, problems=["ackley"], seeds=range(9))
    assert verdict_of(rule(reproduced="never"), only) == PARTLY
    even = made_up(
        lambda p, n, lr, s: eight_of_nine(p, n, lr, s) if p == "ackley" else by_chance(p, n, lr, s),
        seeds=range(9),
    )
    assert verdict_of(rule(), even) == UNDECIDED
    assert verdict_of(rule(adjusted=False), even) == PARTLY


# The effect


def test_the_effect_is_the_median_of_paired_differences_between_order_statistics() -> None:
    gaps = [3.0, 1.0, 4.0, 1.5, 5.0, 9.0, 2.0, 6.0]

    def number(problem: str, name: str, lr: float, seed: int) -> float:
        return 100.0 * seed + (0.0 if name == "adam" else gaps[seed])

    effect = effect_of(rule(), made_up(number, problems=["ackley"], seeds=range(8)))
    assert (effect.value, effect.low, effect.high) == (3.5, 1.0, 9.0)


def test_steps_are_compared_by_their_ratio_and_a_mean_is_geometric() -> None:
    def number(problem: str, name: str, lr: float, seed: int) -> float:
        return 10.0 if name == "adam" else 10.0 * (1 + seed % 4) * (2 if problem == "booth" else 1)

    finding = decided(rule(ADAM_FASTER, average="mean"), made_up(number))
    expected = np.exp(np.mean([log(1 + seed % 4) for seed in range(10)]) + log(2) / 2)
    assert finding.effect.value == pytest.approx(expected)


def test_by_instance_an_instance_counts_once() -> None:
    names = [f"p{number}" for number in range(8)]

    def number(problem: str, name: str, lr: float, seed: int) -> float:
        return 10.0 if name == "sgd" else 10.0 - int(problem[1:]) + (seed - 1)

    finding = decided(rule(paired="instance"), made_up(number, problems=names, seeds=range(3)))
    assert finding.effect.value == 3.5
    [row] = finding.tables["The comparisons"].to_dict("records")
    assert (row["instances"], row["low"], row["high"]) == (8, 0.0, 7.0)


def test_without_pairs_the_seeds_need_not_be_the_same() -> None:
    def runs(seeds: range, name: str, by: float) -> pd.DataFrame:
        return made_up(ahead(by, 0.1), optimizers=[name], problems=["ackley"], seeds=seeds).runs

    both = pd.concat([runs(range(8), "adam", 1.0), runs(range(8, 20), "sgd", 0.0)], ignore_index=True)
    evidence = Evidence(both.assign(optimizer=both["optimizer"].astype("category")), NO_HISTORY)
    assert verdict_of(rule(paired="no"), evidence) == REPRODUCED
    alone = decided(rule(), evidence)
    assert alone.verdict == UNDECIDED
    assert "they share no seed" in alone.evidence


@pytest.mark.parametrize(
    ("rule_keys", "column", "better"),
    [
        ({"compare": "optimizer.lr", "better": 0.1, "than": 1}, "optimizer.lr", 0.1),
        ({"compare": "optimizer.lr", "better": 0.1, "than": None}, "optimizer.lr", 0.1),
        ({"compare": "problem", "better": "ackley", "than": "booth"}, "problem", "ackley"),
    ],
)
def test_any_axis_can_be_compared(rule_keys: dict[str, object], column: str, better: object) -> None:
    def number(problem: str, name: str, lr: float, seed: int) -> float:
        return 1.0 if {"optimizer.lr": lr, "problem": problem}[column] == better else 2.0

    finding = decided(rule(**rule_keys), made_up(number, lrs=(0.1, 1.0)))
    assert finding.verdict == REPRODUCED
    assert finding.effect.value == pytest.approx(1.0)
    where = set(finding.tables["The comparisons"]["instance"])
    assert where == (
        {"adam", "sgd"}
        if column == "problem"
        else {f"{p}, {n}" for p in ("ackley", "booth") for n in ("adam", "sgd")}
    )


def test_divergence_is_the_share_over_all_settings() -> None:
    def number(problem: str, name: str, lr: float, seed: int) -> float:
        return inf if name == "sgd" and lr > 0.5 else 1.0

    finding = decided(rule(measure="divergence"), made_up(number, lrs=(0.1, 1.0, 2.0)))
    assert finding.verdict == REPRODUCED
    assert finding.effect.value == pytest.approx(2 / 3)


def test_a_robustness_is_the_decades_about_the_best_on_each_seed() -> None:
    good = {"adam": (0.01, 0.1, 1.0), "sgd": (0.1,)}

    def number(problem: str, name: str, lr: float, seed: int) -> float:
        return 1.0 if lr in good[name] else 100.0

    finding = decided(
        rule(measure="robustness of loss", within=10), made_up(number, lrs=(0.001, 0.01, 0.1, 1.0))
    )
    assert finding.effect.value == pytest.approx(2.0)
    assert finding.verdict == REPRODUCED


def test_a_loss_below_zero_has_no_ratio() -> None:
    with pytest.raises(
        ValueError, match="it is -1 for adam on ackley, seed 0, and has no ratio; write margin"
    ):
        decided(rule(factor=2), made_up(lambda *at: -1.0))


# Who chooses


def test_settings_are_chosen_on_seeds_that_are_not_shown() -> None:
    def number(problem: str, name: str, lr: float, seed: int) -> float:
        if name == "sgd":
            return 5.0
        return (1.0 if seed >= 8 else 9.0) if lr == 0.1 else 2.0  # looks best where it is chosen

    finding = decided(rule(), made_up(number, lrs=(0.1, 1.0), seeds=range(12)))
    assert finding.verdict == REFUTED
    assert "Settings are chosen on seeds 8-11 and shown on 0-7." in finding.evidence
    named = decided(rule(choose_on="range(0,3)"), made_up(number, lrs=(0.1, 1.0), seeds=range(9)))
    assert "Settings are chosen on seeds 0-2 and shown on 3-8." in named.evidence


def test_a_budget_is_the_median_or_the_mean_over_all_that_it_may_draw() -> None:
    """Three settings of 1, 2 and 6: the best of two is 1 in two draws of three, and 2 in one."""

    def number(problem: str, name: str, lr: float, seed: int) -> float:
        return {0.1: 1.0, 1.0: 2.0, 2.0: 6.0}[lr] if name == "adam" else 10.0

    evidence = made_up(number, problems=["ackley"], lrs=(0.1, 1.0, 2.0), seeds=range(9))
    effects = {
        (average, budget): effect_of(rule(average=average, budget=budget), evidence).value
        for average in ("mean", "median")
        for budget in (1, 2, None)
    }
    assert effects["mean", 2] == pytest.approx(10 - (2 * 1 + 2) / 3)
    assert effects["mean", 1] == pytest.approx(10 - 3)
    assert effects["median", 2] == 9.0
    assert effects["median", 1] == 8.0
    assert effects["mean", None] == effects["median", None] == 9.0


def searched() -> Evidence:
    """Return three trials on a tuning seed, the second the best, the first good, and reruns of these two."""

    def number(problem: str, name: str, lr: float, seed: int) -> float:
        return {0.1: 2.0, 1.0: 1.0, 5.0: 9.0}[lr] + (1.5 if name == "sgd" else 0)

    trials = made_up(number, problems=["ackley"], lrs=(0.1, 1.0, 5.0), seeds=[FIRST_TUNING_SEED]).runs
    reruns = made_up(number, problems=["ackley"], lrs=(0.1, 1.0), seeds=range(8)).runs
    runs = pd.concat([trials, reruns], ignore_index=True)
    runs = runs.assign(run=[f"{row:06d}" for row in range(len(runs))])
    chosen = pd.DataFrame(
        [
            {
                "optimizer": name,
                "problem": "ackley",
                "schedule": "constant",
                "optimizer.lr": lr,
                "trial": trial,
                "best_of_1": trial == 0,
                "best_of_3": trial == 1,
            }
            for name in ("adam", "sgd")
            for trial, lr in enumerate((0.1, 1.0, 5.0))
        ]
    )
    return Evidence(runs, NO_HISTORY, chosen)


@pytest.mark.parametrize(("budget", "lr"), [(1, "0.1"), (None, "1"), (3, "1")])
def test_of_a_search_the_first_trials_compete(budget: int | None, lr: str) -> None:
    finding = decided(rule(budget=budget), searched())
    assert set(finding.tables["The settings"]["setting that is chosen"]) == {f"optimizer.lr={lr}"}
    assert finding.verdict == REPRODUCED
    assert "Up to 3 settings of a side compete" in finding.evidence


def test_both_at_defaults_and_tuned_must_hold_and_the_first_alone_tells_the_rest() -> None:
    def at_defaults_only(problem: str, name: str, lr: float, seed: int) -> float:
        if lr == 1.0:
            return 0.5 if name == "adam" else 0.4
        return 1.0 if (name, lr) == ("adam", 0.001) else 2.0

    evidence = made_up(at_defaults_only, lrs=(0.001, 0.01, 1.0), seeds=range(20))
    assert verdict_of(rule(settings="default"), evidence) == REPRODUCED
    assert verdict_of(rule(settings=["default", "tuned"]), evidence) == PARTLY
    assert verdict_of(rule(settings=["tuned", "default"]), evidence) == REFUTED


# What is uneven: nothing drops in silence


def test_a_missing_optimizer_is_told_and_leaves_its_comparisons_open() -> None:
    finding = decided(rule(than=["sgd", "lion"]), made_up(ahead(1.0)))
    assert finding.verdict == PARTLY
    assert "Not compared, and counted as open: ackley against lion: no runs of lion" in finding.evidence
    assert len(finding.tables["The comparisons"]) == 4


def test_one_seed_decides_nothing_and_is_told() -> None:
    finding = decided(rule(), made_up(ahead(1.0), seeds=[0]))
    assert finding.verdict == UNDECIDED
    assert "1 seed is too few for an interval in 2 comparisons." in finding.evidence
    assert "takes about 8 seeds; there are 1 on ackley, against sgd." in finding.evidence
    assert (finding.effect.low, finding.effect.high) == (-inf, inf)


def test_a_hole_in_the_seeds_is_told() -> None:
    evidence = made_up(ahead(1.0))
    runs = evidence.runs
    hole = (runs["optimizer"] == "sgd") & (runs["problem"] == "booth") & (runs["seed"] < 3)
    finding = decided(rule(), Evidence(runs[~hole], NO_HISTORY))
    assert finding.verdict == REPRODUCED
    assert (
        "In 1 comparison one side has seeds that the other has not, up to 3; they take no part."
        in finding.evidence
    )
    assert "together only those count that all comparisons have, 7." in finding.evidence


def test_an_optimizer_that_diverged_everywhere_is_infinitely_bad_and_told() -> None:
    lost = made_up(lambda problem, name, lr, seed: inf if name == "sgd" else 1.0)
    finding = decided(rule(), lost)
    assert finding.verdict == REPRODUCED
    assert finding.effect.value == inf
    assert "Every run diverged of sgd on ackley, sgd on booth." in finding.evidence
    mean = decided(rule(average="mean"), lost)
    assert mean.verdict == UNDECIDED
    assert "a mean has no interval" in mean.evidence
    assert verdict_of(rule(better="sgd", than="adam"), lost) == REFUTED


def test_where_neither_ever_arrives_nothing_is_learnt() -> None:
    finding = decided(rule(ADAM_FASTER), made_up(lambda *at: nan))
    assert finding.verdict == UNDECIDED
    assert "Neither side ever arrives, and nothing is learnt, in ackley, booth." in finding.evidence
    assert "never reached by adam on ackley (100% of the seeds)" in finding.evidence
    assert "There is nothing to compare" in finding.evidence


def test_exact_ties_leave_it_open_and_are_told() -> None:
    finding = decided(rule(), made_up(ahead(0.0)))
    assert "Both sides are exactly equal, which leaves it open, in ackley, booth." in finding.evidence
    assert "No number of seeds would where what is seen is as even as on ackley, booth." in finding.evidence


def test_a_run_that_never_arrives_took_infinitely_many_steps_or_to_a_mean_one_more() -> None:
    evidence = made_up(lambda problem, name, lr, seed: nan if name == "sgd" else 10.0)
    assert effect_of(rule(ADAM_FASTER), evidence).value == inf
    assert effect_of(rule(ADAM_FASTER, average="mean"), evidence).value == pytest.approx(101 / 10)


def test_a_measure_that_a_problem_has_not_leaves_it_out_and_says_so() -> None:
    evidence = made_up(ahead(-1.0))
    accuracy = (evidence.runs["loss"] / 100).where(evidence.runs["problem"] != "booth")
    finding = decided(rule(measure="accuracy"), Evidence(evidence.runs.assign(accuracy=accuracy), NO_HISTORY))
    assert "Accuracy is not recorded on booth: 20 runs left out." in finding.evidence
    assert finding.verdict == PARTLY  # the other comparison is open


def test_what_the_rule_asks_for_and_is_not_there_is_told() -> None:
    finding = decided(rule(where={"seed": "range(0,20)", "problem": "booth"}), made_up(ahead(1.0)))
    assert "No run has seed=10, 11, 12 and 7 more, which the rule asks for." in finding.evidence
    assert set(finding.tables["The comparisons"]["instance"]) == {"booth"}
    with pytest.raises(ValueError, match="no run is left with problem=levy"):
        decided(rule(where={"problem": "levy"}), made_up(ahead(1.0)))


# What the verdict hangs on


def test_every_claim_answers_for_target_selection_rule_and_budget() -> None:
    plain = decided(rule(), made_up(ahead(1.0)))
    assert set(plain.absent) == {"target", "selection rule", "budget"}
    tuned = decided(rule(ADAM_FASTER), made_up(ahead(1.0), lrs=(0.1, 1.0, 2.0), seeds=range(12)))
    assert tuned.absent == {}
    varied = {(variant.choice, variant.otherwise) for variant in tuned.variants}
    assert {("target", "1e-1 of the start"), ("budget", "1 trial"), ("budget", "2 trials")} <= varied
    assert ("selection rule", "chosen by suboptimality") in varied
    assert "The verdict stays reproduced" in tuned.said or "the verdict changes with" in tuned.said


def test_a_variant_is_the_rule_made_otherwise() -> None:
    def by_target(problem: str, name: str, lr: float, seed: int) -> float:
        return 10.0 if name == "adam" else 20.0

    evidence = made_up(by_target)
    late = evidence.runs.assign(
        **{"hit_1e-3": evidence.runs["hit_1e-3"].where(evidence.runs["optimizer"] == "sgd")}
    )
    finding = decided(rule(ADAM_FASTER), Evidence(late, NO_HISTORY))
    verdicts = {variant.otherwise: variant.verdict for variant in finding.variants}
    assert (finding.verdict, verdicts["1e-1 of the start"], verdicts["1e-3 of the start"]) == (
        REPRODUCED,
        REPRODUCED,
        REFUTED,
    )


# Maps


def test_a_map_has_a_ratio_above_one_where_the_claim_holds() -> None:
    def number(problem: str, name: str, lr: float, seed: int) -> float:
        return 10.0 if name == "sgd" else (5.0 if lr == 0.1 else 20.0)

    evidence = made_up(number, problems=["ackley"], lrs=(0.1, 1.0))
    table = map_table(rule(ADAM_FASTER), evidence, "optimizer.lr", "target")
    assert len(table) == 2 * 3
    assert dict(zip(table["optimizer.lr"], table["ratio"].round(6), strict=True)) == {0.1: 2.0, 1.0: 0.5}
    picture = map_of("mine", rule(ADAM_FASTER), evidence, ["optimizer.lr", "target"])
    assert "holds in 50% of 6 cells" in picture.caption
    words = map_table(rule(ADAM_FASTER), made_up(number, lrs=(0.1, 1.0)), "problem", "optimizer.lr")
    assert list(words["problem name"].unique()) == ["ackley", "booth"]


def test_a_difference_stands_in_a_map_as_a_power_of_ten() -> None:
    table = map_table(rule(margin=1), made_up(ahead(2.0), problems=["ackley"]), "optimizer.lr", "steps")
    assert table["ratio"].tolist() == pytest.approx([10.0])


def test_a_map_over_targets_needs_a_target() -> None:
    evidence = made_up(ahead(1.0))
    given = {"compare": "optimizer", "better": "adam", "measure": "loss"}
    with pytest.raises(ValueError, match="the rule has no target"):
        check(
            read({"statement": "x", "rule": given, "map": ["target", "steps"]}, "x"), there_in(evidence.runs)
        )


def test_each_value_of_a_column_may_be_an_instance() -> None:
    finding = decided(rule(each="optimizer.lr"), made_up(ahead(1.0), problems=["ackley"], lrs=(0.1, 1.0)))
    where = ["ackley, optimizer.lr=0.1", "ackley, optimizer.lr=1"]
    assert finding.tables["The comparisons"]["instance"].tolist() == where


# Against what is there


def test_what_is_there_is_told_where_a_name_is_not() -> None:
    there = there_in(made_up(ahead(1.0)).runs)
    for keys, said in [
        (
            {"compare": "lr", "better": 1, "than": None},
            r"compare=lr: there is no such axis; near it is optimizer\.lr",
        ),
        ({"better": "adm"}, "better=adm: no run has it; near it is adam"),
        ({"than": "lion"}, "than=lion: no run has it; there are adam, sgd"),
        ({"measure": "accuracy"}, "measure=accuracy: these runs are not measured by it; there are loss"),
        ({"where": {"optimizer.beta": 1}}, r"where=optimizer\.beta: there is no such axis"),
    ]:
        stated = read(
            {
                "statement": "x",
                "rule": {
                    "compare": "optimizer",
                    "better": "adam",
                    "than": "sgd",
                    "measure": "loss",
                    **{k: v for k, v in keys.items() if v is not None},
                },
            },
            "x",
        )
        with pytest.raises(ValueError, match=said):
            check(stated, there)


def test_comparisons_know_their_units() -> None:
    found = compared(rule(), made_up(ahead(1.0)))
    assert [len(c.units) for c in found.comparisons] == [10, 10]
    assert list(found.units) == [1.0] * 10
