"""What is older, a rule or its runs, and what other rules the claim has had in the study."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import ndiff
from pathlib import Path

import pandas as pd

from experiments.figures.parts import Text
from experiments.store.parquet import Damaged
from experiments.store.registration import RULES, Registered, registered
from experiments.store.store import ids_in
from experiments.wording import counted


def registration_parts(study: Path, runs: pd.DataFrame, rule: Registered) -> Iterator[Text]:
    """Yield when the rule was written down, what is older, and what other rules there were."""
    older = len(older_runs(study, runs, rule))
    place = f"`{RULES}/{rule.file}`"
    if not older:
        said = f"before any of these {counted(len(runs), 'run')} was there"
    elif older == len(runs):
        said = f"when all of these {counted(len(runs), 'run')} were there, perhaps with them in view"
    else:
        said = (
            f"when {older:,} of these {counted(len(runs), 'run')} were there already; the others are younger"
        )
    yield Text(f"The rule was written down on {rule.when} ({place}), {said}.")
    for other in registered(study, rule.name):
        if other.digest != rule.digest:
            yield Text(changed(study, runs, rule, other))


def changed(study: Path, runs: pd.DataFrame, rule: Registered, other: Registered) -> str:
    """Say what another rule of the claim says otherwise, and how many runs are older than the present one."""
    differs = [line for line in ndiff(lines(other), lines(rule)) if line.startswith(("- ", "+ "))]
    older = len(older_runs(study, runs, rule))
    are = counted(older, "run is", "runs are")
    return (
        f"**The rule was changed.** On {other.when} it was another (`{RULES}/{other.file}`); {are} older "
        "than the rule as it is now. What was taken away and what was put in its place:\n\n```diff\n"
        + "\n".join(differs)
        + "\n```"
    )


def lines(rule: Registered) -> list[str]:
    return rule.text.rstrip("\n").split("\n")


def older_runs(study: Path, runs: pd.DataFrame, rule: Registered) -> set[str]:
    """Return the ids of those runs that the study held when the rule was written down.

    Files do not change, so whatever is in one that was there then was there then.
    """
    wanted, found = set(runs["run"].astype(str)), set()
    for name in rule.there:
        try:
            found |= wanted.intersection(ids_in(study / "runs" / name).to_pylist())
        except Damaged:  # it was set aside since, and its runs were made again
            continue
    return found
