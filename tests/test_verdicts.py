"""Each claim's rule on evidence made up for each verdict."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd
import pytest
from frames import frames, stacked

from experiments.claims import (
    CLAIMS,
    Evidence,
    Finding,
    Verdict,
    base,
    eps_stability,
    faster,
    imbalance,
    lr_choice,
    memory,
    per_parameter,
)
from experiments.claims.base import ASKED, Sensitivity, Variant
from experiments.claims.bowl import curvatures
from experiments.claims.lr_choice import Landscape, width
from experiments.tuning import FIRST_TUNING_SEED
from optim import OPTIMIZERS
from problems.quadratic import QuadraticFit
from problems.quadratic_bowl import QuadraticBowl

REPRODUCED, PARTLY = Verdict.REPRODUCED, Verdict.PARTLY
REFUTED, UNDECIDED = Verdict.REFUTED, Verdict.UNDECIDED
PROBLEMS = ("logistic", "quadratic", "rosenbrock")
TARGETS = ("hit_1e-1", "hit_1e-2", "hit_1e-3", "hit_1e-4")


@pytest.fixture(autouse=True)
def fewer_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "RESAMPLES", 80)


def decided(claim: str, evidence: Evidence) -> Finding:
    finding = CLAIMS[claim].decide(evidence)
    assert finding.effect.low <= finding.effect.value <= finding.effect.high
    assert finding.evidence.endswith(".")
    assert all(len(table) for table in finding.tables.values())
    assert finding.read.keys() <= finding.tables.keys()
    assert all(set(read["run"]) <= set(evidence.runs["run"]) for read in finding.read.values())
    answers(finding)
    return finding


def answers(finding: Finding) -> None:
    """Check that the finding says of target, selection rule and budget whether the verdict hangs on them."""
    found = finding.sensitivity
    assert found is not None
    assert found.verdict == finding.verdict
    varied = {variant.choice for variant in found.variants}
    assert set(found.absent) <= set(ASKED) - varied
    assert finding.said == f"{finding.evidence} {found}"
    assert len(found.table) == len(found.variants) > 0


def table_of(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return runs with an id each, ids and names as categoricals as the store gives them."""
    runs = pd.DataFrame(list(rows))
    runs.insert(0, "run", [f"run{i}" for i in range(len(runs))])
    names = [name for name in ("run", "optimizer", "problem", "status") if name in runs]
    return runs.astype(dict.fromkeys(names, "category"))


def history_of(runs: pd.DataFrame, arrays: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the history of these runs: for each the recorded columns as arrays over the steps."""
    lengths = [len(next(iter(columns.values()))) for columns in arrays]
    columns = {name: np.concatenate([each[name] for each in arrays]) for name in arrays[0]}
    steps = np.concatenate([np.arange(length) for length in lengths])
    run = pd.Categorical(np.repeat(runs["run"].astype(str), lengths))
    return pd.DataFrame({"run": run, "step": steps, **columns})


# --- what a verdict hangs on ---


def test_a_verdict_that_hangs_on_nothing_says_so() -> None:
    variants = (Variant("target", "1e-3", PARTLY), Variant("budget", "1 trial", PARTLY))
    found = Sensitivity(PARTLY, variants, {"selection rule": "nothing is selected"})
    said = "The verdict stays partly whatever the target and budget (2 variants); nothing is selected."
    assert str(found) == said


def test_a_verdict_that_changes_says_with_what_and_to_what() -> None:
    variants = (
        Variant("target", "1e-3", PARTLY),
        Variant("target", "1e-4", REFUTED),
        Variant("target", "1e-5", REFUTED),
        Variant("budget", "1 trial", REPRODUCED),
        Variant("selection rule", "mean", REPRODUCED),
    )
    assert str(Sensitivity(REPRODUCED, variants)) == (
        "Of 5 variants, the verdict changes with the target (partly: 1e-3; refuted: 1e-4, 1e-5), "
        "not with the budget or selection rule."
    )
    only = Sensitivity(REPRODUCED, variants[:1])
    assert str(only) == "Of 1 variant, the verdict changes with the target (partly: 1e-3)."


# --- fit ---


@pytest.fixture(scope="module")
def fits() -> Evidence:
    """The article's run, and the same on five other data sets."""
    made = frames("rmsprop", "quadratic", {"lr": [0.01]}, seeds=6, steps=1000, points=1001, params=True)
    return Evidence(*stacked(made))


def with_fit(
    evidence: Evidence, seeds: Callable[[int], bool], step: int, column: str, change: Any
) -> Evidence:
    """Return the evidence with one recorded column changed at one step of some data sets."""
    chosen = evidence.runs.loc[evidence.runs["seed"].map(seeds), "run"]
    history = evidence.history.copy()
    rows = history["run"].isin(chosen) & (history["step"] == step)
    assert rows.any()
    history.loc[rows, column] = change(history.loc[rows, column])
    return Evidence(evidence.runs, history)


def test_the_articles_own_numbers_reproduce_the_fit(fits: Evidence) -> None:
    finding = decided("fit", fits)
    assert finding.verdict == REPRODUCED
    numbers = finding.tables["The article's numbers"].set_index("quantity")
    exact = numbers.drop("smallest MSE on the way").astype({"article": float, "here": float})
    assert {"start a", "MSE after step 1", "MSE after step 1000", "final c"} <= set(exact.index)
    # to 1e-9, or to the last of five digits where the article gives no more
    assert exact["here"].to_numpy() == pytest.approx(exact["article"].to_numpy(), rel=0, abs=5e-6)
    assert exact["agrees"].all()
    [cycle] = finding.tables["The final cycle"].to_dict("records")
    assert cycle["half-width / lr"] == pytest.approx(0.5, rel=1e-3)
    assert cycle["share in the cycle"] > 0.9


def test_the_effect_of_fit_is_the_median_excess_over_least_squares(fits: Evidence) -> None:
    runs = fits.runs
    excess = 100 * runs["suboptimality"] / (runs["loss"] - runs["suboptimality"])
    assert decided("fit", fits).effect.value == pytest.approx(excess.median())


@pytest.mark.parametrize(
    ("step", "column"), [(0, "params.0"), (1, "mse"), (1000, "mse"), (1000, "params.1"), (1000, "params.2")]
)
def test_one_number_that_differs_refutes_the_fit(fits: Evidence, step: int, column: str) -> None:
    changed = with_fit(fits, lambda seed: seed == 0, step, column, lambda value: value + 1e-8)
    assert decided("fit", changed).verdict == REFUTED


def test_the_number_that_rounding_decides_does_not_count(fits: Evidence) -> None:
    runs = fits.runs.assign(best_loss=fits.runs["best_loss"] + 1e-6)
    assert decided("fit", Evidence(runs, fits.history)).verdict == REPRODUCED


def test_the_side_on_which_the_last_step_ends_does_not_count(fits: Evidence) -> None:
    [solution] = QuadraticFit().instance(np.array([0])).minimiser.T
    mirrored = fits
    for i, at in enumerate(solution):
        mirrored = with_fit(
            mirrored, lambda seed: seed == 0, 1000, f"params.{i}", lambda end, at=at: 2 * at - end
        )
    assert decided("fit", mirrored).verdict == REPRODUCED


def test_coefficients_far_from_the_truth_make_the_fit_partly(fits: Evidence) -> None:
    changed = with_fit(fits, lambda seed: seed > 0, 1000, "params.2", lambda value: value + 1)
    assert decided("fit", changed).verdict == PARTLY


def test_a_loss_that_does_not_fall_makes_the_fit_partly(fits: Evidence) -> None:
    changed = with_fit(fits, lambda seed: seed == 3, 1000, "suboptimality", lambda value: value + 100)
    assert decided("fit", changed).verdict == PARTLY


# --- lr_choice ---

LRS = np.array([1e-3, 1e-2, 1e-1, 1.0])


def landscape(shares: Mapping[tuple[str, str], Sequence[float]], spread: float = 0.0) -> Evidence:
    """Return runs whose share of the start left is as given, by problem, optimizer and learning rate.

    ``spread`` makes the first learning rate a hundred times worse on that part of the seeds.
    """
    rows, firsts = [], []
    for (problem, optimizer), by_lr in shares.items():
        for (lr, share), seed in product(zip(LRS, by_lr, strict=True), range(8)):
            worse = 100.0 if lr == LRS[0] and optimizer == "sgd" and seed < 8 * spread else 1.0
            first = 10.0 + seed
            rows.append(
                {
                    "problem": problem,
                    "optimizer": optimizer,
                    "optimizer.lr": lr,
                    "seed": seed,
                    "suboptimality": first * share * worse if np.isfinite(share) else np.nan,
                }
            )
            firsts.append({"suboptimality": [first, first / 2]})
    runs = table_of(rows)
    return Evidence(runs, history_of(runs, firsts))


NARROW, WIDE, MIDDLE = [1, 1e-5, 1, np.inf], [1e-5, 1e-5, 1e-5, 1e-5], [1, 1e-5, 1e-5, np.inf]
OTHERS = ("adagrad", "adam", "rmsprop")


def with_sgd(sgd: Mapping[str, Sequence[float]], others: Sequence[float]) -> dict[tuple[str, str], Any]:
    named = {(problem, name): others for problem in PROBLEMS for name in OTHERS}
    return named | {(problem, "sgd"): sgd[problem] for problem in PROBLEMS}


@pytest.mark.parametrize(
    ("sgd", "others", "verdict"),
    [
        ([NARROW, NARROW, NARROW], WIDE, REPRODUCED),
        ([NARROW, WIDE, WIDE], WIDE, PARTLY),
        ([NARROW, NARROW, WIDE], MIDDLE, PARTLY),
        ([WIDE, MIDDLE, MIDDLE], MIDDLE, REFUTED),
        ([WIDE, WIDE, WIDE], WIDE, UNDECIDED),
    ],
)
def test_verdicts_of_lr_choice(sgd: list[Any], others: list[float], verdict: Verdict) -> None:
    shares = with_sgd(dict(zip(PROBLEMS, sgd, strict=True)), others)
    assert decided("lr_choice", landscape(shares)).verdict == verdict


def test_widths_that_depend_on_the_seeds_drawn_leave_lr_choice_undecided() -> None:
    finding = decided("lr_choice", landscape(with_sgd(dict.fromkeys(PROBLEMS, WIDE), WIDE), spread=0.5))
    assert finding.verdict == UNDECIDED
    assert finding.effect.low < 0 <= finding.effect.high


def test_the_effect_of_lr_choice_is_a_difference_of_widths_in_decades() -> None:
    finding = decided("lr_choice", landscape(with_sgd(dict.fromkeys(PROBLEMS, NARROW), MIDDLE)))
    assert (finding.effect.value, finding.effect.low, finding.effect.high) == (-1.0, -1.0, -1.0)
    widths = finding.tables["Width of the range of good learning rates"]
    by_optimizer = widths.groupby("optimizer")["width in decades"].unique().map(list).to_dict()
    assert by_optimizer == {"adagrad": [1.0], "adam": [1.0], "rmsprop": [1.0], "sgd": [0.0]}
    assert set(widths["best lr"]) == {1e-2}


INF = np.inf


@pytest.mark.parametrize(
    ("medians", "expected"),
    [
        ([1, 1, 1, 1], 3.0),
        ([5, 1, 5, 5], 3.0),
        ([11, 1, 10, 11], 1.0),
        ([1, 11, 1, 1], 0.0),  # the best is the first of equals, and 11 breaks the stretch
        ([INF, 1, 2, INF], 1.0),
        ([1, 2, INF, 2], 1.0),
        ([9, 8, 7, 1], 3.0),
        ([INF, INF, INF, INF], 0.0),
        ([100, 11, 10, 1], 1.0),
        ([0, 0, 1, 1], 1.0),
    ],
)
def test_the_width_is_the_unbroken_stretch_about_the_best(medians: list[float], expected: float) -> None:
    assert width(Landscape(LRS, np.array(medians, dtype=float)[:, None])) == expected


def test_the_width_is_that_of_the_medians_over_seeds() -> None:
    scores = np.array([[1, 1, 50], [1, 1, INF], [1, 50, 50], [INF, INF, 1]], dtype=float)
    assert width(Landscape(LRS, scores)) == 1.0


# --- faster ---


@cache
def races(steps: Callable[[str, str, float, int], float], lrs: tuple[float, ...] = (0.5,)) -> Evidence:
    """Return runs with the steps to every target, by problem, optimizer, learning rate and seed."""
    rows = []
    for problem, name in product(PROBLEMS, ("sgd", "rmsprop", "adam")):
        for lr, seed in product([OPTIMIZERS[name]().lr, *lrs], range(30)):
            taken = steps(problem, name, lr, seed)
            rows.append(
                {
                    "problem": problem,
                    "optimizer": name,
                    "seed": seed,
                    "steps": 1000,
                    "status": "ok",
                    "optimizer.lr": lr,
                    "suboptimality": 1.0,
                    **dict.fromkeys(TARGETS, taken),
                }
            )
    return Evidence(table_of(rows), pd.DataFrame())


def default(name: str, lr: float) -> bool:
    return lr == OPTIMIZERS[name]().lr


def slow_sgd(problem: str, name: str, lr: float, seed: int) -> float:
    """SGD takes twice the steps everywhere, in both settings."""
    return (200.0 if name == "sgd" else 100.0) * (1 if default(name, lr) else 0.5) + seed % 3


def slow_sgd_at_its_default(problem: str, name: str, lr: float, seed: int) -> float:
    """Tuned, SGD is the faster one."""
    return 200.0 if default(name, lr) else {"sgd": 50.0, "rmsprop": 100.0, "adam": 100.0}[name]


def slow_sgd_on_one_problem(problem: str, name: str, lr: float, seed: int) -> float:
    return slow_sgd(problem, name, lr, seed) if problem == "quadratic" else 100.0


def never_sgd(problem: str, name: str, lr: float, seed: int) -> float:
    return np.nan if name == "sgd" else 100.0


def sgd_by_chance(problem: str, name: str, lr: float, seed: int) -> float:
    """SGD is faster on every other seed, slower on the rest."""
    return 100.0 if name != "sgd" else (200.0 if seed % 2 else 50.0)


@pytest.mark.parametrize(
    ("steps", "verdict"),
    [
        (slow_sgd, REPRODUCED),
        (never_sgd, REPRODUCED),
        (slow_sgd_on_one_problem, PARTLY),
        (slow_sgd_at_its_default, REFUTED),
        (sgd_by_chance, UNDECIDED),
    ],
)
def test_verdicts_of_faster(steps: Callable[..., float], verdict: Verdict) -> None:
    assert decided("faster", races(steps)).verdict == verdict


def test_the_effect_of_faster_is_the_geometric_mean_of_paired_ratios() -> None:
    def steps(problem: str, name: str, lr: float, seed: int) -> float:
        return 100.0 if name != "sgd" else 100.0 * (1 + seed % 4) * (2 if problem == "quadratic" else 1)

    finding = decided("faster", races(steps))
    ratios = [1 + seed % 4 for seed in range(20)]
    expected = np.exp(np.mean(np.log(ratios))) * 2 ** (1 / 3)
    assert finding.effect.value == pytest.approx(expected)


def test_a_run_that_never_arrives_counts_as_one_step_more_than_it_had() -> None:
    table = decided("faster", races(never_sgd)).tables["Steps of the others per step of RMSprop"]
    against_sgd = table[table["against"] == "sgd"]
    assert against_sgd["ratio"].to_numpy() == pytest.approx(np.full(len(against_sgd), 1001 / 100))
    assert set(against_sgd["never"]) == {1.0}
    assert set(against_sgd["RMSprop never"]) == {0.0}


def test_faster_tunes_on_seeds_that_are_not_reported() -> None:
    def steps(problem: str, name: str, lr: float, seed: int) -> float:
        if default(name, lr):
            return 100.0
        return 10.0 if seed >= 20 else 300.0  # looks good on the tuning seeds only

    finding = decided("faster", races(steps))
    chosen = finding.tables["Chosen learning rates"]
    assert set(chosen["tuned learning rate"]) == {0.5}
    table = finding.tables["Steps of the others per step of RMSprop"]
    assert set(table["ratio"].round(9)) == {1.0}


# --- eps_stability ---

EPSILONS = (0.0, 1e-12, 1e-8, 1.0)


def epsilons(
    lost: Callable[[str, int, float, float], bool],
    largest_share: float = 1.0,
    lrs: Sequence[float] = (0.01, 0.03),
) -> Evidence:
    """Return runs that diverge as told, whose effective rates come up to a share of lr / eps."""
    rows, rates = [], []
    for problem, eps, lr, seed in product(PROBLEMS, EPSILONS, lrs, range(4)):
        diverged = lost(problem, seed, eps, lr)
        rows.append(
            {
                "problem": problem,
                "seed": seed,
                "status": "diverged" if diverged else "ok",
                "optimizer.eps": eps,
                "optimizer.lr": lr,
                "suboptimality": np.nan if diverged else 0.1 * (10 if eps == 1 else 1),
            }
        )
        bound = lr / eps if eps else 1.0
        rates.append({f"rate.{i}": [np.nan, bound * largest_share / (1 + i)] for i in range(2)})
    runs = table_of(rows)
    return Evidence(runs, history_of(runs, rates))


def where_it_is_zero(problem: str, seed: int, eps: float, lr: float) -> bool:
    return problem == "logistic" and seed == 0 and eps == 0


@pytest.mark.parametrize(
    ("lost", "share", "verdict"),
    [
        (where_it_is_zero, 1.0, REPRODUCED),
        (where_it_is_zero, 1.01, PARTLY),
        (lambda problem, seed, eps, lr: where_it_is_zero(problem, seed, eps, lr) and lr == 0.01, 1.0, PARTLY),
        (lambda problem, seed, eps, lr: where_it_is_zero(problem, seed, eps, lr) or seed == 3, 1.0, PARTLY),
        (lambda *_: False, 1.0, REFUTED),
        (lambda problem, seed, *_: problem == "logistic" and seed == 0, 1.0, REFUTED),
    ],
    ids=["as said", "rates above the bound", "some runs lost", "1e-8 fails elsewhere", "no harm", "no help"],
)
def test_verdicts_of_eps_stability(lost: Callable[..., bool], share: float, verdict: Verdict) -> None:
    assert decided("eps_stability", epsilons(lost, share)).verdict == verdict


def test_the_effect_of_eps_stability_is_a_share_with_its_exact_interval() -> None:
    effect = decided("eps_stability", epsilons(where_it_is_zero, lrs=(0.01, 0.02, 0.03))).effect
    # Clopper and Pearson (1934): all of n, so the lower end solves p^n = 0.025
    assert (effect.value, effect.low, effect.high) == (1.0, pytest.approx(0.025 ** (1 / 3)), 1.0)


def test_eps_stability_says_which_epsilons_change_nothing() -> None:
    finding = decided("eps_stability", epsilons(where_it_is_zero))
    assert "from 1e-12 to 1e-08 changes the median result by less than a factor of 2" in finding.evidence
    results = finding.tables["Results by epsilon"]
    at_one = results.loc[results["epsilon"] == 1, "times that of 1e-8"]
    assert at_one.to_numpy() == pytest.approx(np.full(3, 10.0))


# --- conditioning: per_parameter, imbalance ---

BOWL = {"problem": "quadratic_bowl", "problem.dim": 3, "problem.spectrum": "log", "steps": 100}
CONDITIONS = (1.0, 10.0, 1000.0)


def bowls(
    lr: float, columns: Callable[[str, QuadraticBowl, int], Mapping[str, Any]], optimizers: Sequence[str]
) -> Evidence:
    """Return runs on bowls, aligned and rotated, with recorded columns by optimizer, bowl and seed."""
    rows, arrays = [], []
    for name, condition, rotated, seed in product(optimizers, CONDITIONS, (False, True), range(6)):
        rows.append(
            BOWL
            | {
                "optimizer": name,
                "seed": seed,
                "optimizer.lr": lr,
                "problem.condition": condition,
                "problem.rotated": rotated,
            }
        )
        arrays.append(columns(name, QuadraticBowl(dim=3, condition=condition, rotated=rotated), seed))
    runs = table_of(rows)
    return Evidence(runs, history_of(runs, arrays))


def rates_by_curvature(aligned: float, rotated: float) -> Evidence:
    """Return rates that go as the curvature to one power on aligned bowls, to another on rotated ones."""

    def rates(name: str, bowl: QuadraticBowl, seed: int) -> dict[str, Any]:
        rate = curvatures(bowl) ** (rotated if bowl.rotated else aligned) * (1 + 0.01 * seed)
        return {f"rate.{i}": [np.nan, rate[i], rate[i]] for i in range(3)}

    return bowls(0.01, rates, ["rmsprop"])


@pytest.mark.parametrize(
    ("aligned", "rotated", "verdict"),
    [(-0.5, -0.5, REPRODUCED), (-0.5, 0.5, PARTLY), (0.5, -0.5, REFUTED), (0.5, 0.5, REFUTED)],
)
def test_verdicts_of_per_parameter(aligned: float, rotated: float, verdict: Verdict) -> None:
    finding = decided("per_parameter", rates_by_curvature(aligned, rotated))
    assert finding.verdict == verdict
    assert finding.effect.value == pytest.approx(aligned)


def updates_by_condition(sgd: float, rmsprop: float, noise: float = 0.0) -> Evidence:
    """Return paths whose largest update is the condition number to a power times the smallest one."""

    def path(name: str, bowl: QuadraticBowl, seed: int) -> dict[str, Any]:
        power = {"sgd": sgd, "rmsprop": rmsprop}[name] + noise * (seed - 2.5)
        steps = np.arange(11.0)
        return {"params.0": -steps, "params.1": steps * bowl.condition**power, "params.2": steps}

    return bowls(1e-5, path, ["sgd", "rmsprop"])


@pytest.mark.parametrize(
    ("sgd", "rmsprop", "noise", "verdict"),
    [
        (1.0, 0.2, 0.01, REPRODUCED),
        (1.0, 0.6, 0.01, PARTLY),
        (0.4, 0.2, 0.01, PARTLY),
        (0.6, 0.6, 0.0, REFUTED),
        (0.5, 1.0, 0.01, REFUTED),
    ],
)
def test_verdicts_of_imbalance(sgd: float, rmsprop: float, noise: float, verdict: Verdict) -> None:
    finding = decided("imbalance", updates_by_condition(sgd, rmsprop, noise))
    assert finding.verdict == verdict
    assert finding.effect.value == pytest.approx(sgd - rmsprop)


# --- memory ---


@pytest.fixture(scope="module")
def still() -> tuple[pd.DataFrame, pd.DataFrame]:
    """RMSprop on the bowl at a learning rate so small that the gradient stays as it is."""
    axes = {"lr": [1e-9], "beta": [0.9, 0.99]}
    return frames("rmsprop", "quadratic_bowl", axes, steps=1000, points=40, constants={"dim": 3}, params=True)


def remembered(
    still: tuple[pd.DataFrame, pd.DataFrame], best: Mapping[str, float], betas: Mapping[float, float]
) -> Evidence:
    """Return that evidence, its betas renamed, beside runs whose best result lies at a given beta."""
    slow, history = still
    rows = [
        {
            "problem": problem,
            "optimizer": "rmsprop",
            "seed": seed,
            "optimizer.lr": lr,
            "optimizer.beta": beta,
            "optimizer.eps": 1e-8,
            "suboptimality": 1e-6 if beta == best[problem] and lr == 0.1 else 1e-3,
        }
        for problem, seed, lr, beta in product(best, range(3), (0.01, 0.1), (0.5, 0.9, 0.999))
    ]
    slow = slow.assign(**{"optimizer.beta": slow["optimizer.beta"].map(betas)})
    runs = pd.concat([table_of(rows).astype({"run": str}), slow.astype({"problem": str})], ignore_index=True)
    return Evidence(runs, history)


TRUE_BETAS = {0.9: 0.9, 0.99: 0.99}
WRONG_BETAS = {0.9: 0.99, 0.99: 0.9}
INSIDE = {"quadratic": 0.9, "rosenbrock": 0.999}
OUTSIDE = {"quadratic": 0.5, "rosenbrock": 0.5}


@pytest.mark.parametrize(
    ("best", "betas", "verdict"),
    [
        (INSIDE, TRUE_BETAS, REPRODUCED),
        (INSIDE | {"quadratic": 0.5}, TRUE_BETAS, PARTLY),
        (OUTSIDE, TRUE_BETAS, PARTLY),
        (INSIDE, WRONG_BETAS, PARTLY),
        (OUTSIDE, WRONG_BETAS, REFUTED),
    ],
)
def test_verdicts_of_memory(
    still: tuple[pd.DataFrame, pd.DataFrame],
    best: Mapping[str, float],
    betas: Mapping[float, float],
    verdict: Verdict,
) -> None:
    assert decided("memory", remembered(still, best, betas)).verdict == verdict


def test_the_time_constant_is_that_of_the_decay(still: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    table = decided("memory", remembered(still, INSIDE, TRUE_BETAS)).tables["Time constant of the average"]
    # what is missing falls by the factor beta a step, so by e in -1 / log(beta) steps
    assert table["measured, steps"].to_numpy() == pytest.approx(-1 / np.log(table["beta"]), rel=1e-3)
    assert table["predicted, steps"].to_numpy() == pytest.approx([10, 100])


# --- deep ---


def networks(steps: Mapping[str, Sequence[float]], accuracy: Mapping[str, Sequence[float]]) -> Evidence:
    """Return runs at the settings that tuning chose and at others, with steps and accuracies by seed."""
    rows = []
    for name, lr in product(("sgd", "rmsprop"), (0.01, 0.1)):
        for seed, index in [*((seed, seed) for seed in range(10)), (FIRST_TUNING_SEED, 0)]:
            good = lr == 0.1 and seed < FIRST_TUNING_SEED
            rows.append(
                {
                    "optimizer": name,
                    "problem": "mlp",
                    "seed": seed,
                    "steps": 200,
                    "optimizer.lr": lr,
                    "optimizer.momentum": 0.9 if name == "sgd" else 0.0,
                    "optimizer.beta": np.nan if name == "sgd" else 0.9,
                    "hit_1e-1": steps[name][index] if good else 7.0,
                    "loss": 0.1,
                    "accuracy": accuracy[name][index] if good else 0.5,
                }
            )
    runs = table_of(rows)
    return Evidence(runs, pd.DataFrame(), selections())


def selections() -> pd.DataFrame:
    """Return what tuning chose: with 16 trials, and with one, the learning rate 0.1."""
    rows = [
        {
            "optimizer": name,
            "problem": "mlp",
            "trial": trial,
            "optimizer.lr": lr,
            "optimizer.momentum": 0.9 if name == "sgd" else 0.0,
            "optimizer.beta": np.nan if name == "sgd" else 0.9,
            "median": lr,
            "best_of_1": lr == 0.1,
            "best_of_16": lr == 0.1,
        }
        for name in ("sgd", "rmsprop")
        for trial, lr in enumerate((0.1, 0.01))
    ]
    return pd.DataFrame(rows)


EVEN, CHANCE = [50.0] * 10, [25.0, 100.0] * 5
GOOD, POOR, MIXED = [0.95] * 10, [0.9] * 10, [0.93, 0.97] * 5


@pytest.mark.parametrize(
    ("sgd_steps", "accuracies", "verdict"),
    [
        ([100.0] * 10, (POOR, GOOD), REPRODUCED),
        ([np.nan] * 10, (POOR, GOOD), REPRODUCED),
        ([100.0] * 10, (GOOD, GOOD), PARTLY),
        ([100.0] * 10, (GOOD, POOR), PARTLY),
        (CHANCE, (POOR, GOOD), PARTLY),
        ([25.0] * 10, (MIXED, GOOD), REFUTED),
        (CHANCE, (GOOD, POOR), REFUTED),
        (CHANCE, (MIXED, GOOD), UNDECIDED),
    ],
)
def test_verdicts_of_deep(
    sgd_steps: list[float], accuracies: tuple[list[float], list[float]], verdict: Verdict
) -> None:
    steps = {"sgd": sgd_steps, "rmsprop": EVEN}
    finding = decided("deep", networks(steps, dict(zip(steps, accuracies, strict=True))))
    assert finding.verdict == verdict
    taken = np.nan_to_num(np.array(sgd_steps), nan=201)
    assert finding.effect.value == pytest.approx(np.exp(np.log(taken / 50).mean()))


# --- scale_free ---


def scaled_paths(moved: Callable[[str, float, int], float]) -> Evidence:
    """Return paths whose largest distance from the unscaled one is as told, of a way of length 4."""
    rows, arrays = [], []
    for name, scale, seed in product(("rmsprop", "sgd"), (1.0, 2.0, 1000.0), range(6)):
        rows.append({"optimizer": name, "problem": "quadratic", "seed": seed, "problem.scale": scale})
        far = 0.0 if scale == 1 else 4 * moved(name, scale, seed)
        side = np.array([0, 0.5, 1, 0.1]) * far if np.isfinite(far) else np.array([0, 0, np.nan, np.nan])
        arrays.append({"params.0": np.arange(4.0), "params.1": side, "distance": [4.0, 3.0, 2.0, 1.0]})
    runs = table_of(rows)
    return Evidence(runs, history_of(runs, arrays))


@pytest.mark.parametrize(
    ("rmsprop", "sgd", "verdict"),
    [
        ([0.01] * 6, [0.3] * 6, REPRODUCED),
        ([0.01] * 6, [np.inf] * 6, REPRODUCED),
        ([0.01] * 6, [0.01] * 6, PARTLY),
        ([0.01, 0.2] * 3, [0.3] * 6, PARTLY),
        ([0.01] * 6, [0.01, np.inf] * 3, PARTLY),
        ([0.2] * 6, [0.3] * 6, REFUTED),
        ([np.inf] * 6, [0.3] * 6, REFUTED),
    ],
)
def test_verdicts_of_scale_free(rmsprop: list[float], sgd: list[float], verdict: Verdict) -> None:
    by_seed = {"rmsprop": rmsprop, "sgd": sgd}
    finding = decided("scale_free", scaled_paths(lambda name, scale, seed: by_seed[name][seed]))
    assert finding.verdict == verdict
    assert finding.effect.value == pytest.approx(np.median(sgd))


def test_only_the_articles_factor_decides_scale_free() -> None:
    evidence = scaled_paths(lambda name, scale, seed: 0.3 if name == "sgd" or scale == 1000 else 0.01)
    finding = decided("scale_free", evidence)
    assert finding.verdict == REPRODUCED
    assert "that of RMSprop by 0.3 at most" in finding.evidence


# --- maps: where a claim holds ---


def ratios_of(table: pd.DataFrame, *keys: str) -> dict[Any, float]:
    """Return the ratio of each cell, after checking that it lies in its interval."""
    known = table.dropna(subset="ratio")
    assert (known["low"] <= known["ratio"]).all()
    assert (known["ratio"] <= known["high"]).all()
    return dict(table.set_index(list(keys))["ratio"])


def test_the_map_of_lr_choice_is_of_widths() -> None:
    table = lr_choice.map_table(landscape(with_sgd(dict.fromkeys(PROBLEMS, NARROW), MIDDLE)))
    found = ratios_of(table, "problem", "steps", "solved at")
    assert found["rosenbrock, against adam", 1, 1e-4] == pytest.approx(10)  # a decade against none
    assert found["rosenbrock, against adam", 1, 1e-1] == pytest.approx(1)  # one factor of 10: all are good


def test_the_map_of_per_parameter_is_of_rates_a_decade_of_curvature_apart() -> None:
    table = per_parameter.map_table(rates_by_curvature(-0.5, 0.5))
    found = ratios_of(table, "problem", "problem.condition", "steps")
    assert found["axis-aligned, lr 0.01", 1000, 1] == pytest.approx(10**0.5)
    assert found["rotated, lr 0.01", 1000, 1] < 1


def test_the_map_of_imbalance_is_of_growth_since_the_round_bowl() -> None:
    found = ratios_of(
        imbalance.map_table(updates_by_condition(1.0, 0.2)), "problem", "problem.condition", "steps"
    )
    assert found["axis-aligned, lr 1e-05", 1000, 10] == pytest.approx(1000**0.8)
    assert found["rotated, lr 1e-05", 10, 1] == pytest.approx(10**0.8)


def test_the_map_of_eps_stability_counts_what_epsilon_saves_and_what_it_costs() -> None:
    found = ratios_of(
        eps_stability.map_table(epsilons(where_it_is_zero)), "problem", "optimizer.lr", "optimizer.eps"
    )
    assert found["logistic", 0.01, 1e-8] == INF  # without it a run is lost
    assert found["quadratic", 0.01, 1e-8] == pytest.approx(2)
    assert found["quadratic", 0.01, 1.0] == pytest.approx(0.2)  # ten times worse


def test_the_map_of_memory_is_of_betas_outside_over_inside(still: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    table = memory.map_table(remembered(still, INSIDE | {"rosenbrock": 0.5}, TRUE_BETAS))
    found = ratios_of(table[table["steps"] == 1000], "problem", "optimizer.lr")
    assert found["quadratic", 0.1] == pytest.approx(1000)
    assert found["rosenbrock", 0.1] == pytest.approx(1 / 1000)
    assert found["rosenbrock", 0.01] == pytest.approx(1)


def test_the_map_of_faster_is_that_of_its_budgets() -> None:
    runs = races(slow_sgd, lrs=(0.5, 0.7)).runs
    found = ratios_of(faster.budget_map_table(runs), "problem", "trials", "target")
    assert {trials for _, trials, _ in found} == {1, 2, 3}
    assert found["quadratic", 3, 1e-2] == pytest.approx(2, rel=0.02)


# --- faster, by budget ---


def test_a_budget_is_the_mean_over_all_draws_of_its_trials() -> None:
    def steps(problem: str, name: str, lr: float, seed: int) -> float:
        place = 0 if default(name, lr) else 1 + [0.5, 0.7, 0.9].index(lr)
        by_place = {"sgd": [400, 200, 800, np.nan], "rmsprop": [30, 10, 20, 40], "adam": [5, 6, 7, 8]}
        return float(by_place[name][place]) + (seed if seed < 20 else 0)  # tuning seeds all agree

    trials = faster.trials_of(races(steps, lrs=(0.5, 0.7, 0.9)).runs, faster.TARGET)
    for (_, name), logs in trials.items():
        assert logs.shape == (4, 20)
        for k in (1, 2, 3, 4):  # the first drawn in the order of the tuning seeds is taken
            by_hand = np.mean([logs[min(drawn)] for drawn in combinations(range(4), k)], axis=0)
            assert faster.expected_logs(logs, k) == pytest.approx(by_hand)
        best = {"sgd": 200, "rmsprop": 10, "adam": 5}[name]
        assert np.exp(logs[0]) == pytest.approx(best + np.arange(20))
        assert faster.expected_logs(logs, None) == pytest.approx(logs[0])


def test_all_trials_are_what_tuned_means() -> None:
    finding = decided("faster", races(slow_sgd_on_one_problem, lrs=(0.5, 0.7)))
    tuned = finding.tables["Steps of the others per step of RMSprop"]
    tuned = tuned[tuned["learning rate"] == "tuned"]
    budgets = finding.tables["Steps of the others per step of RMSprop, by budget"]
    merged = tuned.merge(budgets[budgets["trials"] == 3], on=["target", "problem", "against"])
    assert len(merged) == len(tuned)
    for column in ("ratio", "low", "high"):
        assert merged[f"{column}_x"].to_numpy() == pytest.approx(merged[f"{column}_y"].to_numpy())


def test_faster_says_on_how_many_problems_it_holds_with_each_budget() -> None:
    everywhere = decided("faster", races(slow_sgd)).evidence
    assert "it is faster on 3 with any budget from 1 to 2 random trials" in everywhere

    def only_tuned(problem: str, name: str, lr: float, seed: int) -> float:
        return 100.0 if default(name, lr) or name == "sgd" else 50.0 if problem == "quadratic" else 200.0

    by_budget = decided("faster", races(only_tuned, lrs=(0.5,))).evidence
    assert "it is faster on 1 with any budget from 1 to 2 random trials" in by_budget
