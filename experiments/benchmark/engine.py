"""This engine: ``minimize`` as every command calls it."""

from experiments.benchmark.case import Case, Prepared
from experiments.engine.minimize import minimize
from experiments.wording import counted


def prepare(case: Case) -> Prepared:
    """Return the case ready to go.

    Raises:
        RuntimeError: a lane diverged; its steps from there on would be idle ones.
    """
    problem, optimizer, seeds = case.make_problem(), case.make_optimizer(), case.seeds

    def run() -> int:
        trace = minimize(problem, optimizer, seeds, steps=case.steps, points=case.points)
        diverged = int((trace.diverged_at >= 0).sum())
        if diverged:
            raise RuntimeError(
                f"{diverged} of {counted(case.lanes, 'lane')} diverged: lower highest_lr for {case}"
            )
        return case.lanes * case.steps

    return Prepared(run)
