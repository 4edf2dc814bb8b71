"""A study as a file of results of benchopt (Moreau et al. 2022): a row a run and recorded step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from experiments.exports.content import Block, blocks
from experiments.exports.trajectories import Plan, plan_of
from experiments.request.settings import is_hyperparameter
from experiments.store import Store
from experiments.tables import measure_of

FILE = "benchopt_run_lanes.parquet"
CONFIG = {"_meta_json": "{}"}  # where benchopt looks for how to plot a file
WIDE = ("params.", "rate.")


def write_benchopt(store: Store, folder: Path, outdated: bool, measure: str) -> int:
    """Write the runs of a study and return how many were written.

    ``objective_value`` is the measure, each other one is ``objective_`` and its name. A run that
    diverged has no numbers from there on. ``time`` is the run's share of its block's time, spread
    evenly over its steps.
    """
    plan = plan_of(store, outdated)
    parts = [rows_of(block, plan, measure) for block in blocks(store, outdated) if block.history is not None]
    if not parts:
        return 0
    table = pa.Table.from_pandas(pd.concat(parts, ignore_index=True), preserve_index=False)
    pq.write_table(table.replace_schema_metadata({**(table.schema.metadata or {}), **CONFIG}), folder / FILE)
    return sum(part["run"].nunique() for part in parts)


def rows_of(block: Block, plan: Plan, measure: str) -> pd.DataFrame:
    """Return the rows of a block's runs."""
    assert block.history is not None
    names = [name for name in block.history.column_names if not name.startswith(WIDE)]
    history = block.history.select(names).to_pandas()
    told = plan.runs.loc[block.runs["run"].to_pylist()]
    settings = block.runs.to_pandas().set_index("run")
    at = history["run"]
    if measure not in history:
        history = history.assign(**{measure: np.nan})
    measures = [name for name in history if name not in ("run", "step")]
    return pd.DataFrame(
        {
            "objective_name": f"minimise [{measure}]" if not is_higher(measure) else f"maximise [{measure}]",
            "obj_description": f"{measure} on all data, at the recorded steps",
            "solver_name": at.map(told["algorithm"].map(bracketed)),
            "solver_description": at.map(told["algorithm"]),
            "dataset_name": at.map(told["dataset"].map(bracketed)),
            "idx_rep": at.map(told["instance"] - 1),
            "sampling_strategy": "Iteration",
            "stop_val": history["step"],
            "time": at.map(settings["seconds"]) * history["step"] / at.map(settings["steps"]),
            "objective_value": history[measure],
            **{f"objective_{name}": history[name] for name in measures},
            **{f"p_solver_{bare(key)}": at.map(settings[key]) for key in settings if is_hyperparameter(key)},
            **{
                f"p_dataset_{bare(key)}": at.map(settings[key])
                for key in settings
                if key.startswith("problem.")
            },
            "seed": at.map(settings["seed"]),
            "run": at,
            "version-numpy": block.metadata.get("numpy", ""),
        }
    )


def is_higher(measure: str) -> bool:
    return measure_of(measure, [measure]).higher_is_better


def bare(key: str) -> str:
    """Return a setting without the group that it is of; the schedule's keep theirs."""
    return key.removeprefix("optimizer.").removeprefix("problem.")


def bracketed(name: str) -> str:
    """Return a name with its settings as benchopt writes them: adam[lr=0.1,beta1=0.9]."""
    first, *settings = name.split()
    return f"{first}[{','.join(settings)}]" if settings else first
