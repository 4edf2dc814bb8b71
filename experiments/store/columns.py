"""The columns of runs and of their histories, as they are stored and as they come back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from experiments.engine.trace import TARGETS, Trace
from experiments.request.cell import Cell

HIT_COLUMNS = tuple(f"hit_1e-{k}" for k in range(1, len(TARGETS) + 1))
CATEGORIES = ("run", "optimizer", "schedule", "problem", "status")


def run_columns(cell: Cell, trace: Trace) -> dict[str, Any]:
    """Return what is stored of each run: its settings, then how it ended."""
    diverged = trace.diverged_at >= 0
    taken = np.where(diverged, trace.diverged_at, cell.steps)
    return {
        **{str(key): pa.array(column, from_pandas=True) for key, column in cell.runs.items()},
        "status": np.select([diverged, trace.stalled], ["diverged", "stalled"], "ok"),
        "diverged_at": pa.array(trace.diverged_at, mask=~diverged),
        "loss": trace.loss[-1],
        "best_loss": trace.best_loss,
        "suboptimality": trace.suboptimality[-1],
        "grad_norm": trace.grad_norm[-1],
        "distance": trace.distance[-1],
        **{name: pa.array(hit, mask=hit < 0) for name, hit in zip(HIT_COLUMNS, trace.hits, strict=True)},
        **{name: values[-1] for name, values in trace.metrics.items()},
        "gradient_evaluations": cell.optimizer.gradient_evaluations(taken),
        "seconds": trace.seconds,
    }


def history_table(ids: np.ndarray[Any, Any], trace: Trace) -> pa.Table:
    """Return the recorded steps run by run."""
    points, lanes = trace.loss.shape
    columns: dict[str, Any] = {
        "run": pa.DictionaryArray.from_arrays(np.repeat(np.arange(lanes, dtype=np.int32), points), ids),
        "step": np.tile(trace.step, lanes),
    }
    measures = {
        "loss": trace.loss,
        "suboptimality": trace.suboptimality,
        "grad_norm": trace.grad_norm,
        "distance": trace.distance,
        **trace.metrics,
    }
    if trace.path is not None and trace.rate is not None:
        for i in range(trace.path.shape[1]):
            measures |= {f"params.{i}": trace.path[:, i]}
        for i in range(trace.rate.shape[1]):
            measures |= {f"rate.{i}": trace.rate[:, i]}
    return pa.table({**columns, **{name: np.ravel(values.T) for name, values in measures.items()}})


def as_frame(tables: list[pa.Table], ids: Iterable[str] | None) -> pd.DataFrame:
    """Return the rows of several tables, or those of these runs, as one frame.

    Columns that some tables lack are missing there; those that none of the rows has are left out.
    """
    plain = [table.replace_schema_metadata(None) for table in tables]
    if ids is not None:
        wanted = pa.array(set(ids), type=pa.string())
        plain = [table.filter(pc.is_in(table["run"].cast(pa.string()), wanted)) for table in plain]
    plain = [table for table in plain if table.num_rows]
    if not plain:
        return pd.DataFrame({"run": pd.Categorical([])})
    joined = pa.concat_tables(plain, promote_options="permissive").unify_dictionaries()
    categories = [name for name in CATEGORIES if name in joined.column_names]
    frame: pd.DataFrame = joined.to_pandas(categories=categories)
    return frame
