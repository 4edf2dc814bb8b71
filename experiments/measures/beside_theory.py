"""What runs did beside what theory says of their problems and settings, where it says anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from experiments import theory
from experiments.measures.contraction import decays
from experiments.tables import PAIR, hyperparameters, labelled
from experiments.tables.problems import problem_of
from experiments.wording import counted
from optim.wrapper import Wrapper

STEADY = 0.9
"""Minus the correlation of the logarithm of the distance with the steps, from which on it falls steadily."""

CONTRACTIONS = ["problem", "optimizer", "condition", "seeds", "lost", "low", "high"]
RATIOS = ["ratio", "ratio_low", "ratio_high"]
CYCLES = ["problem", "optimizer", "lr", "runs", "observed", "least", "most", "exact"]
AROUND = tuple(f"optimizer.{name}" for name in Wrapper.hyperparameters())


SINGLE = 1e-18
"""A distance below this share of the start's has a square that is too small for a float32."""


@dataclass(frozen=True)
class Beside:
    """A table of what was observed beside theory, and in words what of the runs is not in it, and why."""

    table: pd.DataFrame
    left_out: tuple[str, ...]


def known_curvatures(runs: pd.DataFrame) -> tuple[dict[str, theory.Curvature], tuple[str, ...]]:
    """Return the curvatures of each problem of labelled runs, and of the others in words why not."""
    known: dict[str, theory.Curvature] = {}
    why: dict[str, list[str]] = {}
    for label, part in runs.groupby(runs["problem"].astype(str), sort=False):
        try:
            found = theory.curvature_of(problem_of(part.iloc[0], str(label).split()[0]))
        except (ValueError, OSError):  # whose words name folders of this machine
            found = "its data is not at hand, or is not what it was"
        if isinstance(found, theory.Curvature):
            known[str(label)] = found
        else:
            why.setdefault(found, []).append(str(label))
    return known, tuple(f"{some(labels)} ({reason})" for reason, labels in why.items())


def some(names: Sequence[str], most: int = 4) -> str:
    """Return the first few of these names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def observed_contractions(runs: pd.DataFrame, history: pd.DataFrame) -> Beside:
    """Return the share of the distance that a step takes away in the end, of each optimizer on each problem.

    Median and quartiles over the runs of one setting. ``ratio`` is the observed decay over that of theory
    at the run's own settings, where it has one: of ``sgd`` at a constant rate and with nothing around it.
    On a quadratic that is what it comes to; elsewhere it is the least that it comes to near the minimum.

    Columns: problem, optimizer, condition, seeds, lost, low, high, ratio, ratio_low, ratio_high, quadratic.
    """
    runs = labelled(runs)
    known, left_out = known_curvatures(runs)
    rows: list[tuple[Any, ...]] = []
    unsteady: Counter[str] = Counter()
    runs = runs[runs["problem"].astype(str).isin(list(known))]
    floors = {run: floor_of(known[problem], dtype) for run, problem, dtype in runs_and_problems(runs)}
    found = decays(history[history["run"].isin(list(floors))], floor=floors).set_index("run")
    steady = found["decay"].where((found["decay"] > 0) & (found["steadiness"] >= STEADY))
    runs = runs.assign(decay=runs["run"].astype(str).map(steady))
    for (problem, optimizer), part in runs.groupby(PAIR, observed=True):
        curvature, fallen = known[str(problem)], part["decay"].dropna()
        if len(fallen) <= len(part) / 2:
            unsteady[str(optimizer)] += 1
            continue
        own = own_decay(part, str(optimizer), curvature)
        shares = np.quantile(fallen, [0.5, 0.25, 0.75])
        numbers = [*-np.expm1(-shares), *(shares / own)]
        rows.append((problem, optimizer, curvature.condition, len(fallen), *numbers, curvature.quadratic))
    if unsteady:
        names = [f"{name} on {counted(number, 'problem')}" for name, number in unsteady.items()]
        left_out += (f"{some(names)} (no steady fall in most runs: a cycle, divergence, or too few steps)",)
    return Beside(pd.DataFrame(rows, columns=[*CONTRACTIONS, *RATIOS, "quadratic"]), left_out)


def runs_and_problems(runs: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return the id of each run, its problem and its dtype."""
    kinds = runs["dtype"].astype(str) if "dtype" in runs else ["float64"] * len(runs)
    return list(zip(runs["run"].astype(str), runs["problem"].astype(str), kinds, strict=True))


def floor_of(curvature: theory.Curvature, dtype: str) -> float:
    return max(curvature.floor, SINGLE if dtype == "float32" else 0.0)


def own_decay(runs: pd.DataFrame, optimizer: str, curvature: theory.Curvature) -> float:
    """Return the decay that theory has for the settings of runs that share them; NaN where it has none."""
    row = runs.iloc[0]
    plain = optimizer.partition(":")[0] == "sgd" and is_constant(row)
    if not plain or row["optimizer.dampening"] > 0 or row["optimizer.weight_decay"] > 0:
        return float("nan")
    lr, momentum, nesterov = (row[f"optimizer.{name}"] for name in theory.Settings._fields)
    found = float(theory.contraction(lr, momentum, bool(nesterov), curvature.low, curvature.high))
    return float(-np.log(found)) if 0 < found < 1 else float("nan")


def is_constant(row: Any) -> bool:
    """Tell whether a run had the same learning rate throughout and nothing around its rule."""
    varied = row.get("schedule", "constant") != "constant" or row.get("schedule.warmup", 0) > 0
    return not varied and not any(row.get(key, 0) > 0 for key in AROUND)


def observed_cycles(runs: pd.DataFrame) -> Beside:
    """Return how far from the minimum runs at a constant learning rate end, beside the cycle of theory.

    ``observed`` is the root mean square over the runs, and over the coordinates, of the distance after the
    last step; ``least`` and ``most`` are those of the cycle. On bowls that are aligned with the axes.

    Columns: problem, optimizer, lr, runs, observed, least, most, exact.
    """
    runs = labelled(runs)
    bowls = runs[runs["problem"].astype(str).str.split().str[0] == "quadratic_bowl"]
    known, left_out = known_curvatures(bowls)
    rotated = [label for label, found in known.items() if not found.diagonal]
    left_out += (f"{some(rotated)} (rotated)",) if rotated else ()
    aligned = bowls[bowls["problem"].astype(str).isin([k for k, found in known.items() if found.diagonal])]
    rows, lost, outside = [], 0, set()
    keys = [*PAIR, *hyperparameters(aligned)]
    for _, part in aligned.groupby(keys, observed=True, dropna=False):
        row = part.iloc[0]
        cycle = cycle_of(row) if is_constant(row) else None
        ended = part[part["status"] != "diverged"]
        lost += (len(part) - len(ended)) if cycle else 0
        if cycle is None:
            outside.add(str(row["optimizer"]))
        elif len(ended):
            squares = ended["distance"].to_numpy(float) ** 2 / row["problem.dim"]
            where = row["problem"], row["optimizer"], row["optimizer.lr"]
            rows.append((*where, len(ended), squares.mean(), *cycle))
    if outside:
        left_out += (f"{some(sorted(outside))} (of some settings or all no cycle is known)",)
    if lost:
        left_out += (f"{counted(lost, 'run')} that diverged",)
    return Beside(pooled(pd.DataFrame(rows, columns=CYCLES)), left_out)


def cycle_of(row: pd.Series) -> theory.Cycle | None:
    """Return the cycle of a run's rule at its settings."""
    name = str(row["optimizer"]).partition(":")[0]
    settings = {str(key).removeprefix("optimizer."): value for key, value in row.items()}
    return None if row.get("optimizer.weight_decay", 0) > 0 else theory.cycle_of(name, settings)


def pooled(table: pd.DataFrame) -> pd.DataFrame:
    """Return mean squares as their roots, those of settings with the same cycle and rate together."""
    keys = ["problem", "optimizer", "lr", "least", "most", "exact"]
    weighted = table.assign(observed=table["observed"] * table["runs"])
    found = weighted.groupby(keys, observed=True, sort=False)[["runs", "observed"]].sum().reset_index()
    root = np.sqrt((found["observed"] / found["runs"]).astype(float))
    return found.assign(observed=root)[CYCLES]
