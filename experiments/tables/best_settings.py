"""The setting at which each optimizer does best on each problem."""

import numpy as np
import pandas as pd

from experiments.tables.measures import measure_of, target_columns
from experiments.tables.quartiles import QUARTILES, scored, summary
from experiments.tables.varying import LR, PAIR, hyperparameters, labelled, swept
from experiments.wording import counted


def by_setting(runs: pd.DataFrame, measure: str = "suboptimality") -> pd.DataFrame:
    """Return one row per problem, optimizer and setting (all its hyperparameters).

    Columns: problem, optimizer, every hyperparameter, runs, median, q25, q75, diverged, stalled.
    """
    runs = scored(runs, measure)
    return summary(runs, [*PAIR, *hyperparameters(runs)])


def ranked_settings(runs: pd.DataFrame, measure: str = "suboptimality") -> pd.DataFrame:
    """Return ``by_setting`` with the best setting of each problem and optimizer first.

    Medians up to the measure's floor are equal. Among equals the one that reaches the
    deepest target in fewer steps (median) is better, then the smaller learning rate.
    """
    runs = scored(runs, measure)
    table = by_setting(runs, measure)
    order = {"cost": measure_of(measure, runs.columns).cost(table["median"])}
    if targets := target_columns(runs):
        order["steps_taken"] = by_setting(runs, targets[-1])["median"]
    ranked = table.assign(**order).sort_values([*PAIR, *order, *hyperparameters(runs)])
    return ranked.drop(columns=list(order))


def best_settings(runs: pd.DataFrame, measure: str = "suboptimality") -> pd.DataFrame:
    """Return the setting with the best median for each problem and optimizer: ``ranked_settings``.

    Columns: problem, optimizer, the learning rate and the hyperparameters that vary,
    runs, median, q25, q75, diverged, then settings_compared and runs_compared.
    """
    runs = scored(runs, measure)
    ranked = ranked_settings(runs, measure)
    best = ranked.drop_duplicates(PAIR)[[*PAIR, *swept(runs), "runs", *QUARTILES, "diverged"]]
    compared = ranked.groupby(PAIR, observed=True)["runs"].agg(settings_compared="size", runs_compared="sum")
    return best.merge(compared.reset_index(), on=PAIR, how="left")


def settings_shown(choosing: pd.DataFrame, reported: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return the best settings by some runs, and how they did in others: those to report.

    Columns: those of ``best_settings``, the numbers from the runs that are reported, and
    median_when_chosen from those that chose. Just ``best_settings`` if they are the same runs.
    """
    best = best_settings(choosing, measure)
    if choosing.index.equals(reported.index):
        return best
    numbers = ["runs", *QUARTILES, "diverged"]
    shown = summary(scored(runs_at(reported, best), measure), PAIR).astype({"problem": str})
    table = best.drop(columns=numbers).astype({"problem": str}).merge(shown, on=PAIR, how="left")
    chosen = [str(key) for key in best if key not in numbers and not str(key).endswith("_compared")]
    table = table[[*chosen, *numbers, "settings_compared", "runs_compared"]]
    when_chosen = best.astype({"problem": str})[[*PAIR, "median"]]
    table = table.merge(when_chosen.rename(columns={"median": "median_when_chosen"}), on=PAIR)
    return table.astype({"problem": best["problem"].dtype})


def without_setting(best: pd.DataFrame, runs: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return the cells whose best setting is none: at every setting half of the runs or more diverged.

    Args:
        best: ``best_settings``.
        runs: all that was tried, labelled.

    Columns: problem, optimizer, runs, diverged (a share of all), note (in words).
    """
    lost = (best["median"] == measure_of(measure, runs.columns).worst) & (best["diverged"] >= 0.5)
    cells = dict(list(runs.groupby(PAIR, observed=True)))
    rows = []
    for problem, optimizer in best.loc[lost, PAIR].itertuples(index=False):
        part = cells[problem, optimizer]
        share = (part["status"] == "diverged").mean()
        what = (
            f"all of {counted(len(part), 'run')}"
            if share == 1
            else "half of the runs or more at every setting"
        )
        tried = f"; the smallest learning rate tried is {part[LR].min():g}" if part[LR].notna().any() else ""
        rows.append((problem, optimizer, len(part), share, f"{what} diverged{tried}"))
    return pd.DataFrame(rows, columns=[*PAIR, "runs", "diverged", "note"])


def noted(best: pd.DataFrame, none: pd.DataFrame) -> pd.DataFrame:
    """Return best settings, blank where they are none, with a note of why; as they are if there are none."""
    if none.empty:
        return best
    text = dict.fromkeys(PAIR, str)
    notes = best[PAIR].astype(text).merge(none[[*PAIR, "note"]].astype(text), on=PAIR, how="left")["note"]
    blank = notes.notna().to_numpy()
    table = best.assign(**{key: best[key].mask(blank) for key in hyperparameters(best)})
    return table.assign(note=notes.fillna("").to_numpy())


def runs_at(runs: pd.DataFrame, chosen: pd.DataFrame) -> pd.DataFrame:
    """Return the runs, labelled, at the settings of a table such as ``best_settings``.

    The runs may be others than those by which the settings were chosen: other seeds.
    """
    runs = labelled(runs)
    keys = [*PAIR, *hyperparameters(chosen)]
    rows = runs.astype({"problem": str}).merge(chosen[keys].astype({"problem": str}), on=keys)
    return rows.astype({"problem": runs["problem"].dtype})


def best_pairs(runs: pd.DataFrame, x: str, y: str, measure: str = "suboptimality") -> pd.DataFrame:
    """Return the best median for each pair of values of two hyperparameters, ``x`` and ``y``.

    Only for optimizers that vary both, unless none does. ``best`` marks the pair of the
    best setting.

    Columns: problem, optimizer, x, y, median, stalled (the share at that setting), best.
    """
    table = by_setting(runs, measure)
    table = table.reindex(columns=list(dict.fromkeys([*table, x, y]))).dropna(subset=[x, y])
    kind = measure_of(measure, runs.columns)
    ordered = table.sort_values("median", ascending=not kind.higher_is_better, kind="stable")
    table = ordered.drop_duplicates([*PAIR, x, y])[[*PAIR, x, y, "median", "stalled"]]
    table = table.sort_values([*PAIR, x, y], ignore_index=True)
    chosen = best_settings(runs, measure)
    keys = [*PAIR, *(key for key in (x, y) if key in chosen)]
    table = table.merge(chosen[keys].assign(best=True), how="left", on=keys)
    table["best"] = table["best"].eq(True) & np.isfinite(table["median"])
    counts = table.groupby(PAIR, observed=True)[[x, y]].transform("nunique")
    both = (counts > 1).all(axis=1)
    return table[both | (not both.any())].reset_index(drop=True)
