"""One study made of several: the runs of all, none twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from omegaconf import DictConfig

from experiments.command_line.command import bad_input_ends_here, command, disk_errors_end_here, fail
from experiments.command_line.configuration import named_folder, studies_named
from experiments.request.checks import checked_study
from experiments.store import Store
from experiments.store.audit import audit
from experiments.tables import cell
from experiments.together.merging import Merged, merge
from experiments.wording import counted

MOST_LINES = 20  # of runs that contradict each other
MOST_PARTS = 2  # slashes in the name of a study, so that what it keeps apart has a name as well


@disk_errors_end_here()
def merge_studies(config: DictConfig) -> None:
    """Take over what the studies hold that is new, and say what that was, and what contradicts."""
    with bad_input_ends_here():
        studies = studies_named(config)
        target = checked_target(config, studies)
    for name, folder in (*studies.items(), (f"{config.into}", target)):
        check_sound(name, folder)
    Store(target).check_writable()
    for name, folder in studies.items():
        for line in told(merge(folder, name, target), config):
            print(line)
    found = Store(target)
    left_out = found.outdated()
    older = f", {left_out:,} of them of older code" if left_out else ""
    print(f"{target}: {counted(found.count(), 'run')}{older}")


def checked_target(config: DictConfig, studies: dict[str, Path]) -> Path:
    """Return the folder of the study to merge into, else raise ValueError."""
    into = f"{config.into}"
    try:
        checked_study(into)
    except ValueError as error:
        raise ValueError(f"{error}".replace("study must", "into must", 1)) from None
    if into.count("/") > MOST_PARTS:
        raise ValueError(f"into must have at most two '/', got {into!r}")
    target = named_folder(config, into)
    for name, folder in studies.items():
        if folder.resolve() == target.resolve():
            others = ",".join(other for other in studies if other != name) or "B"
            raise ValueError(
                f"into={into} is one of the studies; study={others} into={into} adds the others to it"
            )
        if folder.resolve().is_relative_to(target.resolve() / "runs"):
            raise ValueError(f"study={name} lies inside the runs of into={into}")
    return target


def check_sound(name: str, folder: Path) -> None:
    """End the command if a study is not sound: what is merged from it would not be either."""
    faults = audit(Store(folder)).faults
    if faults:
        bad = counted(len({(fault.kind, fault.name) for fault in faults}), "file is bad", "files are bad")
        fail(
            f"study={name} is not sound, {bad} ({faults[0]}); python -m experiments.check repair=true with "
            "this study sets aside what is, nothing was merged"
        )


def told(merged: Merged, config: DictConfig) -> Iterator[str]:
    """Yield the lines that tell what was taken over from a study."""
    more = [
        f"{merged.there:,} there already",
        *(
            [f"{counted(merged.restored, 'history', 'histories')} that had been pruned"]
            * bool(merged.restored)
        ),
        *(
            [counted(merged.selections, "file of selections", "files of selections")]
            * bool(merged.selections)
        ),
        *([counted(merged.failures, "record of failures", "records of failures")] * bool(merged.failures)),
    ]
    yield f"{merged.name}: {counted(merged.added, 'run')} added, {', '.join(more)}"
    if merged.left:
        yield f"{merged.name}: left where they are: {', '.join(merged.left)}"
    yield from conflict_lines(merged, config)


def conflict_lines(merged: Merged, config: DictConfig) -> Iterator[str]:
    """Yield the lines that name the runs which have other numbers in the study that was merged into."""
    if not merged.apart:
        return
    runs = counted(len(merged.conflicts), "run has", "runs have")
    yield f"{merged.name}: {runs} other numbers than in {config.into}, which keeps those that it had"
    rows = merged.conflicts.to_dict("records")
    for row in rows[:MOST_LINES]:
        where = f"{row['optimizer']} on {row['problem']}, seed {row['seed']}"
        yield f"  {row['run']}: {where}: {row['number']} {cell(row['kept'])}, {cell(row['other'])}"
    if len(rows) > MOST_LINES:
        yield f"  and {len(rows) - MOST_LINES:,} more"
    where = f" results={config.results}" if config.results != "results" else ""
    for folder in merged.apart:
        words = f"study={config.into},{config.into}/{folder.name}{where}"
        yield f"  kept apart in {folder}; python -m experiments.diff {words} compares them"


main = command("merge", merge_studies)

if __name__ == "__main__":
    main()
