"""Measurements -> table, page and figure of the benchmark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.benchmark.case import CONTESTANTS, ENGINE
from experiments.benchmark.measure import Measurement
from experiments.figures.lines import draw_lines
from experiments.figures.style import (
    BLACK,
    BLUE,
    BROWN,
    GREEN,
    ORANGE,
    SKY,
    VERMILLION,
    Look,
    dash_pattern,
    figure_legend,
    label_first,
    log_axis,
    log_limits,
    panels,
    styled,
    title,
)
from experiments.reports.page import save_figure, table_text
from experiments.wording import counted

RATE = "lane_steps_per_second"
FIRST = "first_call_lane_steps_per_second"
LOOKS = {
    "engine": Look(VERMILLION, "o", ""),
    "numpy": Look(BROWN, "X", (2, 2)),
    "article": Look(BLACK, "s", (1.2, 1.2)),
    "torch_runs": Look(SKY, "v", (5, 1.2, 1.2, 1.2)),
    "torch_tensor": Look(BLUE, "^", (5, 1.5)),
    "optax": Look(GREEN, "D", (3, 1)),
    "optax_blocks": Look(ORANGE, "P", ""),
}


def table(measurements: Iterable[Measurement]) -> pd.DataFrame:
    """Return one row a contestant and case.

    ``engine_ratio`` is this engine's rate over the contestant's in the same case: how many
    times as fast it is; ``first_call_engine_ratio`` is the same of the first calls. ``low``
    and ``high`` are the slowest and the fastest repetition.
    """
    rows = pd.DataFrame([row(measurement) for measurement in measurements])
    key = ["optimizer", "problem", "lanes"]
    engine = rows[rows["contestant"] == ENGINE][[*key, RATE, FIRST]]
    rates = rows[key].merge(engine, on=key, how="left")
    for rate, after, name in ((RATE, "high", "engine_ratio"), (FIRST, FIRST, "first_call_engine_ratio")):
        rows.insert(list(rows.columns).index(after) + 1, name, rates[rate].to_numpy() / rows[rate])
    return rows


def row(measurement: Measurement) -> dict[str, object]:
    """Return one measurement as a row."""
    case, done, first = measurement.case, measurement.repetitions, measurement.first
    rates = [repetition.lane_steps / repetition.cpu_seconds for repetition in done]
    return {
        "optimizer": case.optimizer,
        "problem": case.problem,
        "lanes": case.lanes,
        "contestant": measurement.contestant,
        "outputs": CONTESTANTS[measurement.contestant].outputs,
        RATE: median(rates),
        "low": min(rates),
        "high": max(rates),
        FIRST: first_call_rate(measurement, median(rates)),
        "peak_memory_mb": max(repetition.peak_memory_mb for repetition in done),
        "compile_seconds": first.compile_seconds,
        "first_call_cpu_seconds": first.cpu_seconds,
        "first_call_wall_seconds": first.wall_seconds,
        "steps": case.steps,
        "measured_lane_steps": sum(repetition.lane_steps for repetition in done),
        "cpu_seconds": sum(repetition.cpu_seconds for repetition in done),
        "wall_seconds": sum(repetition.wall_seconds for repetition in done),
    }


def first_call_rate(measurement: Measurement, rate: float) -> float:
    """Return lane-steps a second in a process that does a case once and for the first time.

    What goes run by run does one run in its first call: the others follow at its later rate.
    """
    first, lane_steps = measurement.first, measurement.case.lanes * measurement.case.steps
    if not CONTESTANTS[measurement.contestant].one_by_one:
        return first.lane_steps / first.cpu_seconds
    more_than_later = max(0.0, first.cpu_seconds - first.lane_steps / rate)
    return lane_steps / (more_than_later + lane_steps / rate)


def write(folder: Path, rows: pd.DataFrame, machine: str) -> None:
    """Write ``benchmark.csv``, ``.md`` and the figures ``benchmark`` and ``first_call`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    rows.to_csv(folder / "benchmark.csv", index=False, float_format="%.6g")
    save_figure(chart(rows), folder / "benchmark")
    save_figure(chart(rows, FIRST), folder / "first_call")
    text = "\n\n".join(page(rows, machine)) + "\n"
    (folder / "benchmark.md").write_text(text, encoding="utf-8")


# The page

HOW = """\
A lane is one run; a lane-step is one step of one run. Each contestant runs in a process of its own,
held to one core, in float64. Two rates are given, both per second of processor time, which other
programs on the machine do not lengthen; the engine's lead is its rate over the contestant's.

- The rate in the long run, after a first call that is not counted: all take turns, repetition by
  repetition; the median of the repetitions, with the slowest and the fastest. Compile time is no part.
- The rate of a process's first call, which is what a grid that is run once costs: everything from the
  case to the results, which is making the data, the start of the library, tracing and compiling for this
  shape where there is a compiler, and one run. Imports come before and are not counted, but for what a
  library imports only when it is used. Measured once in each process, one process after another. It
  depends on the length of the run, which is in the table: over more steps it approaches the rate in the
  long run. A compilation cache on disk, which JAX has and which is off here, would make it faster from the
  second process on.

Memory is the peak of the whole process, libraries included. What they find out, besides the last
parameters:

{outputs}

What goes run by run is measured on a few runs: more of them take proportionally longer. `torch.optim`
has one learning rate for a tensor, so that its lanes there differ by their seed only. No time goes into
automatic differentiation: gradients are formulas everywhere. The article's loop passes over all points
of the fit; the others use the Hessian, which gives the same gradient. On the larger problem many lanes
take fewer steps. The engine takes 64 lanes at the least, so that a lane's numbers do not depend on its
company: one lane costs what 64 do."""


def page(rows: pd.DataFrame, machine: str) -> Iterator[str]:
    """Yield the paragraphs of the page."""
    yield "# Speed and memory"
    yield f"Measured on: {machine}."
    yield "\n".join(f"- {line}" for line in targets(rows)) or "The targets' cases were not measured."
    yield "In the long run:"
    yield "![Lane-steps a second against lanes, in the long run](benchmark.png)"
    yield "In a process's first call, compilation included:"
    yield "![Lane-steps a second against lanes, in a process's first call](first_call.png)"
    present = list(dict.fromkeys(rows["contestant"]))
    outputs = "\n".join(f"- {CONTESTANTS[name].label}: {CONTESTANTS[name].outputs}." for name in present)
    yield HOW.format(outputs=outputs)
    for (problem, optimizer), part in rows.groupby(["problem", "optimizer"], sort=False):
        yield f"## {optimizer} on {problem}"
        yield table_text(shown(part))


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of the page, numbers to the three digits that they are worth."""
    return pd.DataFrame(
        {
            "lanes": rows["lanes"],
            "contestant": [CONTESTANTS[name].label for name in rows["contestant"]],
            "lane-steps/s": rows[RATE].map(three_digits),
            "slowest": rows["low"].map(three_digits),
            "fastest": rows["high"].map(three_digits),
            "engine's lead": rows["engine_ratio"].map(three_digits),
            "first call, lane-steps/s": rows[FIRST].map(three_digits),
            "its lead there": rows["first_call_engine_ratio"].map(three_digits),
            "peak memory, MB": rows["peak_memory_mb"].map(three_digits),
            "compile time, s": rows["compile_seconds"].where(rows["compile_seconds"] > 0).map(three_digits),
            "steps": rows["steps"],
            "measured lane-steps": rows["measured_lane_steps"],
        }
    )


def three_digits(value: float) -> float:
    return float(f"{value:.3g}")


def lead(ratio: float) -> str:
    """Return in words how a rate compares with another, given their ratio."""
    return f"{ratio:.3g} times as fast" if ratio >= 1 else f"{1 / ratio:.3g} times slower"


def targets(rows: pd.DataFrame) -> Iterator[str]:
    """Yield what this engine is meant to reach on the article's fit, and whether it does."""
    fit = rows[(rows["optimizer"] == "rmsprop") & (rows["problem"] == "quadratic")]
    most = fit[fit["lanes"] == 10_000]
    for ratio in most[most["contestant"] == "article"]["engine_ratio"]:
        yield (
            "Target: RMSprop on the article's fit, 10,000 lanes, at least 1,000 times the article's loop. "
            f"**{'Reached' if ratio >= 1000 else 'Not reached'}**: {ratio:,.0f} times."
        )
    for name, part in fit[fit["contestant"].isin(["optax", "optax_blocks"])].groupby("contestant"):
        first = f"{leads(part, 'first_call_engine_ratio')}{overtaken(fit, part)}"
        yield (
            f"Target: there, ahead of {CONTESTANTS[str(name)].label} on one core with the same outputs, "
            f"at every number of lanes. In the long run **{leads(part, 'engine_ratio')}. In a process's "
            f"first call, compilation included, **{first}."
        )


def overtaken(fit: pd.DataFrame, part: pd.DataFrame) -> str:
    """Return how long a run must be for a contestant to be ahead in a first call, where it ever is."""
    engine = part[["lanes"]].merge(fit[fit["contestant"] == ENGINE], on="lanes")
    slope = part["lanes"].to_numpy() / np.array([part[RATE], engine[RATE]])  # seconds a step
    calls = np.array([part["first_call_cpu_seconds"], engine["first_call_cpu_seconds"]])
    start = calls - slope * np.array([part["steps"], engine["steps"]])
    pairs = zip(part["lanes"], *(start[0] - start[1], slope[1] - slope[0]), strict=True)
    each = [
        f"{three_digits(ahead / gain):,.0f} at {counted(lanes, 'lane')}"
        for lanes, ahead, gain in pairs
        if gain > 0
    ]
    return f"; the other would be ahead there in runs of more steps than {', '.join(each)}" if each else ""


def leads(part: pd.DataFrame, column: str) -> str:
    """Return at how many numbers of lanes the engine is ahead, and how far at each."""
    pairs = zip(part["lanes"], part[column], strict=True)
    each = ", ".join(f"{lead(ratio)} at {lanes:,}" for lanes, ratio in pairs)
    return f"reached at {int((part[column] > 1).sum())} of {len(part)}**: {each} lanes"


# The figure


@styled
def chart(rows: pd.DataFrame, rate: str = RATE) -> Figure:
    """Return lane-steps a second against lanes, one panel an optimizer and problem.

    ``rate`` is the column to draw: the rate in the long run, or that of the first call.
    """
    groups = list(rows.groupby(["problem", "optimizer"], sort=False))
    columns = rows["optimizer"].nunique()
    fig, axes = panels(len(groups), 1.8 if len(groups) > 1 else 3.6, columns)  # alone, beside a long legend
    for ax, ((problem, optimizer), part) in zip(axes, groups, strict=True):
        draw(ax, part, rows, rate)
        title(ax, f"{optimizer}, {problem}")
    label_first(axes, "lane-steps / s" if rate == RATE else "lane-steps / s\n(first call)")
    for ax in axes[-columns:]:
        ax.set_xlabel("lanes")
    figure_legend(fig, {CONTESTANTS[name].label: handle(LOOKS[name]) for name in present(rows)})
    return fig


def draw(ax: Axes, part: pd.DataFrame, rows: pd.DataFrame, rate: str) -> None:
    """Draw one panel; all panels of both figures have the same scales."""
    renamed = part.drop(columns="optimizer").rename(columns={"contestant": "optimizer"})
    engine_on_top = {name: LOOKS[name] for name in reversed(present(part))}
    draw_lines(ax, renamed, "lanes", rate, engine_on_top)
    log_axis(ax, "x", (rows["lanes"].min() / 1.5, rows["lanes"].max() * 1.5))
    log_axis(ax, "y", log_limits(pd.concat([rows[RATE], rows[FIRST]])))


def present(rows: pd.DataFrame) -> Sequence[str]:
    return [name for name in CONTESTANTS if name in set(rows["contestant"])]


def handle(look: Look) -> Line2D:
    return Line2D([], [], color=look.color, marker=look.marker, linestyle=dash_pattern(look))
