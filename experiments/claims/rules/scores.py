"""What each side scores on each instance and seed, at the setting that was chosen for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.claims.base import Evidence
from experiments.claims.rules.rule import ALL, DEFAULT, ROBUSTNESS, TUNED, Quantity, Rule
from experiments.claims.rules.sides import Sides, at_default, measured, sides_of
from experiments.measures.best_of_k import rank_weights, weighted
from experiments.measures.lr_robustness import widths
from experiments.request.limits import FIRST_TUNING_SEED
from experiments.request.settings import is_hyperparameter
from experiments.tables import LR, PAIR, hyperparameters, is_target, measure_of, ranked_settings, text
from experiments.tables.coverage import spans
from experiments.tables.measures import MEASURES
from experiments.tuning import OF_INSTANCE
from experiments.tuning.protocol import How, searched_or_swept, split
from experiments.wording import counted

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """What each side scores.

    Attributes:
        table: problem (the instance), optimizer (the side), seed, score (lower is better; a logarithm where
            the measure is compared by ratios), never (whether the run never got there: infinite).
        chosen: the settings, by instance and side, as a table to show.
        how: in a sentence, which seeds chose settings and which show them; empty if nothing was chosen.
        tried: how many settings the side with the most of them had to choose from.
        said: what was left out, in sentences.
    """

    table: pd.DataFrame
    chosen: pd.DataFrame
    how: str
    tried: int
    said: tuple[str, ...]


CHOSEN = "setting that is chosen"
COLUMNS = [*PAIR, "seed", "score", "never"]


def scores_of(
    sides: Sides,
    rule: Rule,
    quantity: Quantity,
    settings: str,
    history: pd.DataFrame,
    trials: pd.DataFrame | None,
) -> Scores:
    """Return what each side scores by a measure, at settings found in one of the ways.

    Args:
        sides: the runs.
        rule: how settings are chosen.
        quantity: what is measured.
        settings: ``tuned``, ``default`` or ``all``.
        history: the recorded steps, for an area.
        trials: what searches chose among, if there were any.

    Raises:
        ValueError: a loss that is not above 0, which has no ratio.
    """
    runs = sides.runs.assign(score=measured(sides.runs, quantity, history))
    runs, said = recorded(runs, quantity)
    if settings == DEFAULT:
        runs = runs[at_default(runs, rule)]
        runs = runs[(runs["seed"] < FIRST_TUNING_SEED) & ~runs["seed"].isin(rule.choose_on)]
        said = [*said, *without(sides, runs, "a run at its defaults")]
        return replace(of_one_setting(runs, quantity, rule), said=tuple(said))
    if settings == ALL:
        found = of_all_settings(searched_or_swept(runs), quantity, rule)
        return replace(found, said=(*said, *found.said))
    choosing, shown, how, more = parts_of(runs, quantity, rule)
    found = of_chosen(choosing, shown, quantity, rule, trials)
    drawn = runs[runs["seed"] >= FIRST_TUNING_SEED]
    tried = int(several(drawn, setting_keys(drawn, quantity)).max()) if len(drawn) else found.tried
    return replace(found, how=how if tried > 1 else "", tried=tried, said=(*said, *more, *found.said))


def recorded(runs: pd.DataFrame, quantity: Quantity) -> tuple[pd.DataFrame, list[str]]:
    """Return the runs that have the measure, and a sentence on the others."""
    lacking = runs["score"].isna()
    if not lacking.any():
        return runs, []
    whole = lacking.groupby(runs["problem"], observed=True).all()
    names = [str(name) for name in whole.index[whole]]
    where = f" on {few(names)}" if names else ""
    words = f"{quantity.spoken} is not recorded{where}: {counted(int(lacking.sum()), 'run')} left out."
    return runs[~lacking], [f"{words[0].upper()}{words[1:]}"]


def few(names: list[str], most: int = 4) -> str:
    """Return names in words, some of many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def without(sides: Sides, runs: pd.DataFrame, what: str) -> list[str]:
    """Return a sentence for the cells that have runs, but not of that kind."""
    there = set(sides.runs[PAIR].astype(str).itertuples(index=False, name=None))
    left = set(runs[PAIR].astype(str).itertuples(index=False, name=None))
    names = [f"{side} on {instance}" for instance, side in sorted(there - left)]
    return [f"Without {what}: {few(names)}."] if names else []


# Who chooses, who is shown


def parts_of(
    runs: pd.DataFrame, quantity: Quantity, rule: Rule
) -> tuple[pd.DataFrame, pd.DataFrame, str, list[str]]:
    """Return the runs that choose, those that are shown, how that was done, and what was left out."""
    keys = setting_keys(runs, quantity)
    if several(runs, keys).max() < 2 and not runs["seed"].ge(FIRST_TUNING_SEED).any():
        return runs, runs, "", []
    if rule.choose_on:
        chooses = runs["seed"].isin(rule.choose_on)
        shown = runs[~chooses & (runs["seed"] < FIRST_TUNING_SEED)]
        how = f"Settings are chosen on seeds {spans(rule.choose_on)} and shown on {spans(shown['seed'])}."
        if not chooses.any() or shown.empty:
            raise ValueError(
                f"claim.rule.choose_on={spans(rule.choose_on)}: no run has such a seed, or no other"
            )
        return runs[chooses], shown, how, []
    parts = split(runs)
    lost = parts.left_out
    said = [
        f"Left out: {row['optimizer']} on {row['problem']}, seeds {row['seeds']}, "
        f"{counted(row['runs'], 'run')}: {row['why']}."
        for row in lost.head(4).to_dict("records")
    ]
    if len(lost) > 4:
        said.append(
            f"And {counted(len(lost) - 4, 'more line')} of such, "
            f"{counted(int(lost['runs'][4:].sum()), 'run')}."
        )
    return parts.choosing, parts.shown, in_words(parts.cells), said


def choosing_seeds(rule: Rule, evidence: Evidence) -> tuple[int, ...]:
    """Return the seeds by which the protocol chooses settings; none where nothing is to be chosen."""
    runs = sides_of(rule, evidence).runs
    found: set[int] = set()
    for quantity in rule.measures if TUNED in rule.settings else ():
        if several(runs, setting_keys(runs, quantity)).max() > 1:
            cells = split(runs)
            found |= set(map(int, cells.choosing["seed"].unique()))
    return tuple(sorted(seed for seed in found if seed < FIRST_TUNING_SEED))


def in_words(cells: pd.DataFrame) -> str:
    """Return how settings were chosen, in a sentence for each way."""
    found = []
    for (how, choosing, shown), part in cells.groupby(["chosen", "choosing", "shown"], sort=False):
        where = (
            ""
            if len(part) == len(cells)
            else f" ({few([f'{o} on {p}' for p, o in part[PAIR].to_numpy()], 2)})"
        )
        by = (
            "the same runs, which flatters who has more of them"
            if how == How.SAME
            else f"seeds {choosing} and shown on {shown}"
        )
        found.append(f"Settings are chosen on {by}{where}.")
    return " ".join(
        [*found[:3], *([f"And {counted(len(found) - 3, 'more way')}."] if len(found) > 3 else [])]
    )


def setting_keys(runs: pd.DataFrame, quantity: Quantity) -> list[str]:
    """Return the columns that tell settings apart; a robustness is over the learning rates."""
    return [key for key in hyperparameters(runs) if not (quantity.name == ROBUSTNESS and key == LR)]


def several(runs: pd.DataFrame, keys: list[str]) -> pd.Series:
    """Return how many settings each side has on each instance."""
    distinct = runs[[*PAIR, *keys]].drop_duplicates()
    return distinct.groupby(PAIR, observed=True).size()


# Scores


def of_one_setting(runs: pd.DataFrame, quantity: Quantity, rule: Rule) -> Scores:
    """Return the scores of runs that have a setting each; of several recordings of a run the first."""
    return of_chosen(runs, runs, quantity, rule, None)


def of_all_settings(runs: pd.DataFrame, quantity: Quantity, rule: Rule) -> Scores:
    """Return the mean over all settings, on the seeds that ran at every one of them."""
    keys = hyperparameters(runs)
    setting = runs.groupby([*PAIR, *keys], observed=True, dropna=False).ngroup()
    table = runs.assign(setting=setting, height=heights(runs["score"], runs, quantity, rule))
    wanted = table.groupby(PAIR, observed=True)["setting"].transform("nunique")
    by_seed = table.assign(wanted=wanted).groupby([*PAIR, "seed"], observed=True)
    sums = by_seed.agg(score=("height", "mean"), there=("setting", "nunique"), wanted=("wanted", "first"))
    whole = sums[sums["there"] == sums["wanted"]].reset_index()
    result = whole.assign(never=np.isinf(whole["score"]))[COLUMNS]
    lost = int((sums["there"] != sums["wanted"]).sum())
    said = (
        (f"{counted(lost, 'seed')} of a side left out, on which it did not run at every setting.",)
        if lost
        else ()
    )
    tried = int(several(runs, keys).max()) if len(runs) else 0
    return Scores(result, pd.DataFrame(columns=["instance", "side", CHOSEN, "seeds"]), "", tried, said)


def of_chosen(
    choosing: pd.DataFrame, shown: pd.DataFrame, quantity: Quantity, rule: Rule, trials: pd.DataFrame | None
) -> Scores:
    """Return the scores in the runs that are shown, at the best setting by the runs that choose."""
    keys = setting_keys(shown, quantity)
    tried = int(several(choosing, keys).max()) if len(choosing) else 0
    searched = trials is not None and bool(choosing["seed"].ge(FIRST_TUNING_SEED).any())
    pool = (
        within_budget(choosing, trials, rule) if searched and rule.budget and trials is not None else choosing
    )
    order = ranking(pool, quantity, rule)
    table = with_places(shown, order, keys)
    if quantity.name == ROBUSTNESS:
        best = table[table["place"] == table.groupby(PAIR, observed=True)["place"].transform("min")]
        result, said = of_widths(best, quantity)
    else:
        table = table.assign(height=heights(table["score"], table, quantity, rule))
        count = None if searched else rule.budget
        result, said = of_best(table, count, rule.average)
        best = table[table["place"] == table.groupby(PAIR, observed=True)["place"].transform("min")]
        best = best.iloc[:0] if count else best  # of random ones it is now this, now that
    return Scores(result, chosen_table(best, pd.concat([choosing, shown]), keys), "", tried, tuple(said))


def with_places(shown: pd.DataFrame, order: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the runs at settings that have a place, with it."""
    other = [key for key in keys if shown[key].dtype != order[key].dtype]  # of columns that are empty in one
    right = order.astype(dict.fromkeys(other, object))
    found = shown.astype(dict.fromkeys(other, object)).merge(right, on=[*PAIR, *keys], how="inner")
    return found.astype({"problem": shown["problem"].dtype})


def ranking(choosing: pd.DataFrame, quantity: Quantity, rule: Rule) -> pd.DataFrame:
    """Return the settings of each side on each instance with their place, the best is 0."""
    by = rule.choose or (
        quantity.of if quantity.of in MEASURES or is_target(quantity.of) else "suboptimality"
    )
    kind = measure_of(by, choosing.columns)
    known = choosing.assign(
        **{by: choosing[by].astype(float).fillna(kind.worst)}
    )  # or the setting would be gone
    order = ranked_settings(known, by)
    keys = [key for key in order if is_hyperparameter(key)]
    if quantity.name == ROBUSTNESS:
        keys = [key for key in keys if key != LR]
        order = order.drop_duplicates([*PAIR, *keys])
    order = order.assign(place=order.groupby(PAIR, observed=True).cumcount())
    return order[[*PAIR, *keys, "place"]].astype({"problem": choosing["problem"].dtype})


def within_budget(choosing: pd.DataFrame, trials: pd.DataFrame, rule: Rule) -> pd.DataFrame:
    """Return the runs of the first trials of each search."""
    keys = [key for key in map(str, trials) if is_hyperparameter(key) and key in choosing]
    place = [
        key
        for key in map(str, trials)
        if (key in OF_INSTANCE or key.startswith("problem.")) and key in choosing
    ]
    first = trials.loc[trials["trial"] < (rule.budget or len(trials)), ["optimizer", *place, *keys]]
    by = [*dict.fromkeys(["rule", *place, *keys])]
    wanted = pd.MultiIndex.from_frame(comparable(first.rename(columns={"optimizer": "rule"})[by]))
    return choosing[pd.MultiIndex.from_frame(comparable(choosing[by])).isin(wanted)]


def comparable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return settings as words, which are equal where the values are, missing ones too."""
    return frame.astype(object).where(frame.notna(), None).map(str)


def heights(scores: pd.Series, runs: pd.DataFrame, quantity: Quantity, rule: Rule) -> pd.Series:
    """Return scores on the scale on which they are compared.

    Where they are averaged by the mean, a run that never arrives counts as one step more than it had.
    """
    values = scores.astype(float)
    if is_target(quantity.name) and rule.average == "mean":
        values = values.where(np.isfinite(values), runs["steps"].astype(float) + 1)
    if not quantity.ratio:
        return values
    sign = -1.0 if quantity.name in MEASURES and MEASURES[quantity.name].higher_is_better else 1.0
    numbers = sign * values  # an accuracy comes with its sign turned
    floor = 1.0 if is_target(quantity.name) else 0.0  # a target reached at the start took a step
    numbers = numbers.clip(lower=floor) if floor else numbers
    if (numbers <= 0).any():
        where = runs.loc[numbers <= 0].iloc[0]
        raise ValueError(
            f"claim.rule.measure={quantity.spoken}: it is {numbers[numbers <= 0].iloc[0]:g} for "
            f"{where['optimizer']} on {where['problem']}, seed {where['seed']}, and has no ratio; write "
            "margin in place of factor"
        )
    return sign * numbers.map(np.log)


def weighted_medians(numbers: Array, weights: Array) -> Array:
    """Return the weighted median of each row of numbers (rows, settings), its lower one."""
    order = np.argsort(numbers, axis=1)
    reached = np.cumsum(weights[order], axis=1) >= 0.5 - 1e-12
    first = np.take_along_axis(order, reached.argmax(axis=1)[:, None], axis=1)
    return np.asarray(np.take_along_axis(numbers, first, axis=1)[:, 0])


def of_best(table: pd.DataFrame, budget: int | None, average: str) -> tuple[pd.DataFrame, list[str]]:
    """Return the scores at the best setting, or what the best of so many random ones scores.

    That is exact over all that a search may draw without replacement: their mean, or their median, which
    stands infinite numbers.
    """
    if budget is None:
        best = table[table["place"] == table.groupby(PAIR, observed=True)["place"].transform("min")]
        return best.assign(never=np.isinf(best["height"]), score=best["height"])[COLUMNS], []
    rows, lost, over = [], 0, []
    for (problem, side), part in table.groupby(PAIR, observed=True):
        wide = part.pivot_table(index="place", columns="seed", values="height", aggfunc="first")
        whole = wide.loc[:, wide.notna().all()]
        lost += wide.shape[1] - whole.shape[1]
        if budget > len(wide):
            over.append(f"{side} on {problem}")
        weights = rank_weights(len(whole), [min(budget, len(whole))])
        numbers = whole.to_numpy(float).T
        expected = (
            weighted(numbers, weights)[:, 0]
            if average == "mean"
            else weighted_medians(numbers, weights[:, 0])
        )
        rows.append(
            pd.DataFrame({"problem": problem, "optimizer": side, "seed": whole.columns, "score": expected})
        )
    found = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=COLUMNS)
    said = (
        [f"{counted(lost, 'seed')} of a side left out, on which it did not run at every setting."]
        if lost
        else []
    )
    said += [f"Fewer settings than the budget of {budget}: {few(over)}."] if over else []
    return found.assign(never=np.isinf(found["score"].astype(float)))[COLUMNS], said


def of_widths(table: pd.DataFrame, quantity: Quantity) -> tuple[pd.DataFrame, list[str]]:
    """Return on each seed the decades of learning rates about the best that are within the factor of it.

    The learning rates are those that all sides have on the instance. A wide range is good, so its sign is
    turned.
    """
    kind = MEASURES[quantity.of] if quantity.of in MEASURES else measure_of(quantity.of, table.columns)
    sign = -1.0 if kind.higher_is_better else 1.0
    rows, narrowed, lost = [], [], 0
    for problem, there in table.groupby("problem", observed=True):
        grids = {str(side): set(part[LR].dropna()) for side, part in there.groupby("optimizer")}
        shared = set.intersection(*grids.values())
        if any(own != shared for own in grids.values()):
            narrowed.append(str(problem))
        for side, part in there[there[LR].isin(shared)].groupby("optimizer"):
            wide = part.pivot_table(index=LR, columns="seed", values="score", aggfunc="first")
            whole = wide.loc[:, wide.notna().all()]
            lost += wide.shape[1] - whole.shape[1]
            lrs = whole.index.to_numpy(float)
            found = widths(lrs, sign * whole.to_numpy(float)[:, :, None], quantity.within, kind).round(9)
            rows.append(
                pd.DataFrame({"problem": problem, "optimizer": side, "seed": whole.columns, "score": -found})
            )
    result = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=COLUMNS)
    said = (
        [f"{counted(lost, 'seed')} of a side left out, on which not every learning rate ran."] if lost else []
    )
    said += (
        [f"Only the learning rates that all sides share are taken on {few(narrowed)}."] if narrowed else []
    )
    return result.assign(never=False)[COLUMNS], said


def chosen_table(best: pd.DataFrame, tried: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the setting of each side on each instance, as far as it has several, and where it is shown."""
    sides = tried.groupby(["optimizer", "rule"])
    varied = {side: [key for key in keys if part[key].nunique(dropna=False) > 1] for side, part in sides}
    rows = []
    for (problem, side), part in best.groupby(PAIR, observed=True):
        own = varied[side, part["rule"].iloc[0]]
        named = [f"{key}={text(part[key].iloc[0], 6)}" for key in own if part[key].notna().any()]
        rows.append((str(problem), str(side), " ".join(named) or "-", spans(part["seed"])))
    return pd.DataFrame(rows, columns=["instance", "side", CHOSEN, "seeds"])
