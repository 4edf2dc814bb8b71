"""Tell what a study holds, where it has holes, and whether it is sound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from omegaconf import DictConfig

from experiments.command_line.command import bad_input_ends_here, command, disk_errors_end_here, fail
from experiments.plugins.state import study_words
from experiments.request.checks import checked_study
from experiments.store import MOST_READ, Store
from experiments.store.audit import OLD, Audit, audit
from experiments.store.registration import RULES
from experiments.tables.coverage import NOTHING, Where, missing_instances
from experiments.tables.distinct import distinct
from experiments.tuning.protocol import budgets, split
from experiments.wording import counted

MOST_LINES = 20  # of what is wrong; a broken disk may have broken every file


@disk_errors_end_here()
def check(config: DictConfig) -> None:
    """Say what there is of a study and what is wrong with it; an error if anything is."""
    with bad_input_ends_here():
        store = Store(Path(config.results) / checked_study(config.study))
        if not isinstance(config.repair, bool):
            raise ValueError(f"repair must be true or false, got {config.repair!r}")
    if not store.folder.is_dir():
        fail(f"study={config.study}: there is no such study in {config.results}")
    found = audit(store)
    holes = [] if found.faults else uneven(store, study_words(config.study, config.results))
    for line in [*contents(found, store.folder), *holes, *wrong(found)]:
        print(line)
    bad = len({(fault.kind, fault.name) for fault in found.faults})
    if config.repair and (bad or found.left_over):
        print(f"{repaired(store, found)}; the command that made them runs again what is missing")
    elif bad:
        line = counted(bad, "file is bad; repair=true sets it", "files are bad; repair=true sets them")
        fail(f"{line} aside, so that what was in there is run again", 1)
    else:
        print("sound: every file is as it was written, and every id is that of its run's settings")


def contents(found: Audit, folder: Path) -> Iterator[str]:
    """Yield the lines that tell what there is."""
    size = sum(
        file.stat().st_size for kind in ("runs", "history") for file in (folder / kind).glob("*.parquet")
    )
    yield (
        f"{folder}: {counted(found.runs, 'run')} in {counted(found.files[0], 'file')}, "
        f"{counted(found.steps, 'recorded step')}, {size / 1e6:,.1f} MB; "
        f"{counted(found.files[1], 'file of selections', 'files of selections')}"
    )
    for kind, count in found.versions.items():
        if len(count) > 1:
            yield f"{kind} differs: {listed(count)}"
    if found.outdated:
        outdated = counted(found.outdated, "run is", "runs are")
        yield f"{outdated} of older code: left out of tables"
    yield from (f"{absent}; left out of tables" for absent in found.absent)
    if found.studies:
        yield f"merged from other studies: {listed(found.studies)}"
    if found.pruned:
        pruned = counted(found.pruned, "run has", "runs have")
        yield f"{pruned} no history any more: it was pruned"
    if found.copies:
        copies = counted(found.copies, "run is", "runs are")
        yield f"{copies} there once more with the same numbers: counted once in tables"
    if found.unsealed:
        unsealed = counted(found.unsealed, "block was", "blocks were")
        yield f"{unsealed} written without a seal: a changed footer would not be noticed"
    if found.left_over:
        left_over = counted(len(found.left_over), "temporary file is", "temporary files are")
        yield f"{left_over} left over, older than {OLD / 3600:.0f} h"


def uneven(store: Store, where: Where) -> Iterator[str]:
    """Yield the lines that tell where a study has holes: what a report leaves out, and what fills them."""
    try:
        runs = distinct(store.within(MOST_READ).runs())
    except ValueError as error:  # more settings than fit into memory
        yield f"not looked at, where the study is uneven: {error}"
        return
    if runs.empty:
        return
    parts = split(runs, where)
    lost = [missing_instances(budget.split.runs, where) for budget in budgets(parts, where)]
    rows = pd.concat([parts.left_out, *lost], ignore_index=True).to_dict("records")
    for row in rows[:MOST_LINES]:
        fill = "" if row["command"] == NOTHING else f": {row['command']}"
        yield (
            f"uneven: {row['optimizer']} on {row['problem']}, seeds {row['seeds']}, "
            f"{counted(row['runs'], 'run')}, "
            f"{row['why']}{fill}"
        )
    if len(rows) > MOST_LINES:
        yield f"uneven: and {len(rows) - MOST_LINES:,} more, which the report lists"


def listed(count: Counter[str]) -> str:
    """Return versions with how many runs each has made."""
    return ", ".join(
        f"{version or 'unknown'} ({counted(runs, 'run')})" for version, runs in count.most_common()
    )


def wrong(found: Audit) -> Iterator[str]:
    """Yield the lines that tell what is wrong."""
    yield from (f"bad: {fault}" for fault in found.faults[:MOST_LINES])
    if len(found.faults) > MOST_LINES:
        yield f"bad: and {len(found.faults) - MOST_LINES:,} more"


def repaired(store: Store, found: Audit) -> str:
    """Set aside what is bad and what is left over, and say how much that was."""
    alone = ("selections", RULES)  # of the others a pair goes
    bad = {(fault.kind if fault.kind in alone else "", fault.name) for fault in found.faults}
    for kind, name in sorted(bad):
        store.set_aside(name, [kind] if kind else ["runs", "history"])
    for file in found.left_over:
        store.set_aside(file.name, [str(file.parent.relative_to(store.folder))])
    place = store.folder / "set_aside"
    temporary = counted(len(found.left_over), "temporary file")
    return f"set aside {counted(len(bad), 'block')} and {temporary} in {place}"


main = command("check", check)

if __name__ == "__main__":
    main()
