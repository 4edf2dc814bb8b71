"""This engine: ``minimize`` as every command calls it."""

from experiments.benchmark.case import Case, Prepared
from experiments.engine import (
    programs as programs,
)  # JAX is imported before the time is taken, as it is for peers
from experiments.engine.minimize import minimize
from experiments.wording import counted


def prepare(case: Case, engine: str = "jax") -> Prepared:
    """Return the case ready to go.

    Raises:
        RuntimeError: a lane diverged; its steps from there on would be idle ones.
    """
    problem, optimizer, seeds = case.make_problem(), case.make_optimizer(), case.seeds

    def run() -> int:
        trace = minimize(
            problem,
            optimizer,
            seeds,
            steps=case.steps,
            points=case.points,
            engine=engine,
            dtype=case.dtype,
            device=case.device,
        )
        diverged = int((trace.diverged_at >= 0).sum())
        if diverged:
            raise RuntimeError(
                f"{diverged} of {counted(case.lanes, 'lane')} diverged: lower highest_lr for {case}"
            )
        return case.lanes * case.steps

    return Prepared(run)


def prepare_numpy(case: Case) -> Prepared:
    """Return the case ready to go under ``engine=numpy``."""
    return prepare(case, "numpy")
