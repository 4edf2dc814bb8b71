"""What the tests of claims share."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from experiments.claims import (
    CLAIMS,
    Evidence,
    Finding,
    Verdict,
)
from experiments.claims.base import ASKED
from experiments.claims.bowl import curvatures
from optim import OPTIMIZERS
from problems.quadratic_bowl import QuadraticBowl

REPRODUCED, PARTLY = Verdict.REPRODUCED, Verdict.PARTLY


REFUTED, UNDECIDED = Verdict.REFUTED, Verdict.UNDECIDED


PROBLEMS = ("logistic", "quadratic", "rosenbrock")


TARGETS = ("hit_1e-1", "hit_1e-2", "hit_1e-3", "hit_1e-4")


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
    assert found.verdict == finding.verdict
    varied = {variant.choice for variant in found.variants}
    assert set(found.absent) <= set(ASKED) - varied
    assert finding.said == f"{finding.evidence} {found}"
    assert len(found.table) == len(found.variants) > 0


def table_of(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return runs with an id each, ids and names as categoricals as the store gives them."""
    runs = pd.DataFrame(list(rows)).assign(schedule="constant")
    runs.insert(0, "run", [f"run{i}" for i in range(len(runs))])
    names = [name for name in ("run", "optimizer", "schedule", "problem", "status") if name in runs]
    return runs.astype(dict.fromkeys(names, "category"))


def history_of(runs: pd.DataFrame, arrays: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the history of these runs: for each the recorded columns as arrays over the steps."""
    lengths = [len(next(iter(columns.values()))) for columns in arrays]
    columns = {name: np.concatenate([each[name] for each in arrays]) for name in arrays[0]}
    steps = np.concatenate([np.arange(length) for length in lengths])
    run = pd.Categorical(np.repeat(runs["run"].astype(str), lengths))
    return pd.DataFrame({"run": run, "step": steps, **columns})


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


INF = np.inf


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


def updates_by_condition(sgd: float, rmsprop: float, noise: float = 0.0) -> Evidence:
    """Return paths whose largest update is the condition number to a power times the smallest one."""

    def path(name: str, bowl: QuadraticBowl, seed: int) -> dict[str, Any]:
        power = {"sgd": sgd, "rmsprop": rmsprop}[name] + noise * (seed - 2.5)
        steps = np.arange(11.0)
        return {"params.0": -steps, "params.1": steps * bowl.condition**power, "params.2": steps}

    return bowls(1e-5, path, ["sgd", "rmsprop"])


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


INSIDE = {"quadratic": 0.9, "rosenbrock": 0.999}
