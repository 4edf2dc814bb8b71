"""The benchmark: contestants compute the same thing, and a small one runs end to end."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command_line import Ended, here
from omegaconf import OmegaConf

from experiments.benchmark.__main__ import plan_of
from experiments.benchmark.article_loop import RULES, one_run
from experiments.benchmark.case import CONTESTANTS, Case, Contestant, Prepared
from experiments.benchmark.grids import Whole, grid_targets, read_forecast, size_of, whole
from experiments.benchmark.measure import Measurement, Plan
from experiments.benchmark.objectives import OBJECTIVES, Lanes, lanes_of, objective
from experiments.benchmark.summary import FIRST, RATE, chart, lead, page, table, targets
from experiments.benchmark.worker import FirstCall, Repetition, first_call, peak_memory_mb, repetition
from experiments.engine.minimize import minimize
from optim.rmsprop import RMSprop
from problems import Problem
from problems.quadratic import QuadraticFit

ROOT = Path(__file__).parents[2]
RULE_NAMES = [cls.name for cls in RULES]
PROBLEM_NAMES = [cls.name for cls in OBJECTIVES]


@pytest.fixture(params=OBJECTIVES, ids=PROBLEM_NAMES)
def problem(request: pytest.FixtureRequest) -> Problem:
    made: Problem = request.param()
    return made


def small_case(optimizer: str, problem: str, lanes: int = 9) -> Case:
    return Case(optimizer, problem, lanes, steps=40, highest_lr=5e-4)


# The contestants


def test_article_loop_gives_the_articles_numbers() -> None:
    theta, losses = one_run(QuadraticFit(), RMSprop(lr=0.01), seed=0, steps=1000)
    assert losses[0] == pytest.approx(87.33835656974905, rel=1e-9)
    assert losses[-1] == pytest.approx(0.21397721767075764, rel=1e-9)
    assert theta == pytest.approx([2.07694441894195, 2.9802227580151204, 3.8147104791275557], rel=1e-9)


@pytest.mark.parametrize("optimizer", RULE_NAMES)
@pytest.mark.parametrize("problem_name", PROBLEM_NAMES)
def test_article_loop_takes_the_engines_steps(optimizer: str, problem_name: str) -> None:
    case = small_case(optimizer, problem_name)
    rule = case.make_optimizer()
    trace = minimize(case.make_problem(), rule, case.seeds, steps=case.steps)
    for lane in (0, 8):
        theta, losses = one_run(case.make_problem(), rule.take([lane]), int(case.seeds[lane]), case.steps)
        assert theta == pytest.approx(trace.params[:, lane], rel=1e-9)
        assert len(losses) == case.steps


def check_objective(xp: Any, problem: Problem) -> None:
    """One run and many: loss and gradient are those of the problem itself."""
    seeds = np.arange(5)
    instance, lanes = problem.instance(seeds), lanes_of(xp, problem, seeds)
    evaluate = objective(xp, problem).loss_and_grad
    expected = instance.loss_and_grad(instance.start)
    many = evaluate(lanes.start, lanes)
    lane = Lanes(lanes.start[:, 2], lanes.minimiser[:, 2], lanes.minimum[2])
    alone = evaluate(lane.start, lane)
    for part, values in enumerate(expected):
        np.testing.assert_allclose(np.asarray(many[part]), values, rtol=1e-11)
        np.testing.assert_allclose(np.asarray(alone[part]), values[..., 2], rtol=1e-11)


def test_objective_in_numpy(problem: Problem) -> None:
    check_objective(np, problem)


def test_objective_in_torch(problem: Problem) -> None:
    check_objective(pytest.importorskip("torch"), problem)


def test_objective_in_jax(problem: Problem) -> None:
    pytest.importorskip("optax")
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    check_objective(jax.numpy, problem)


@pytest.mark.parametrize("optimizer", RULE_NAMES)
@pytest.mark.parametrize("problem_name", PROBLEM_NAMES)
def test_optax_finds_out_what_the_engine_does(optimizer: str, problem_name: str) -> None:
    """To 1e-6: that is what AdaGrad's eps, inside Optax's root, does to small gradients."""
    pytest.importorskip("optax")
    jax = pytest.importorskip("jax")
    from experiments.benchmark import optax_peers

    case = small_case(optimizer, problem_name)
    trace = minimize(
        case.make_problem(), case.make_optimizer(), case.seeds, steps=case.steps, points=case.points
    )
    lane = optax_peers.one_lane(case)
    found = jax.jit(jax.vmap(lane, optax_peers.LANES_LAST, -1))(*optax_peers.inputs(case))
    assert found["params"] == pytest.approx(trace.params, rel=1e-6)
    assert found["best_loss"] == pytest.approx(trace.best_loss, rel=1e-6)
    assert (np.asarray(found["hits"]) == trace.hits).all()
    assert (np.asarray(found["diverged_at"]) == -1).all()
    for name in ("loss", "suboptimality", "grad_norm", "distance"):
        assert found["start"][name] == pytest.approx(getattr(trace, name)[0], rel=1e-6)
        assert found["history"][name] == pytest.approx(getattr(trace, name)[1:], rel=1e-6)
    for values in trace.metrics.values():
        assert found["history"]["metric"] == pytest.approx(values[1:], rel=1e-6)


@pytest.mark.parametrize("name", CONTESTANTS)
@pytest.mark.parametrize("optimizer", RULE_NAMES)
def test_contestant_counts_its_lane_steps(name: str, optimizer: str) -> None:
    contestant = CONTESTANTS[name]
    for library in contestant.needs:
        pytest.importorskip(library)
    case = small_case(optimizer, "quadratic", 2 * contestant.block)
    lanes = 1 if contestant.one_by_one else case.lanes
    assert contestant.prepare(case).run() == lanes * case.steps


def test_lanes_that_diverge_are_not_counted() -> None:
    case = Case("sgd", "quadratic", 4, steps=400, highest_lr=10.0)
    with pytest.raises(RuntimeError, match=r"2 of 4 lanes diverged: lower highest_lr"):
        CONTESTANTS["engine"].prepare(case).run()


# What is measured


def test_one_lane_is_the_articles_run() -> None:
    case = Case("rmsprop", "quadratic", 1, steps=1000, highest_lr=1.0)
    assert case.lr == pytest.approx([0.01])
    assert case.seeds.tolist() == [0]
    assert case.points == 100


def test_ten_thousand_lanes_are_a_hundred_rates_by_a_hundred_seeds() -> None:
    case = Case("rmsprop", "quadratic", 10_000, steps=1000, highest_lr=1.0)
    pairs = set(zip(case.lr, case.seeds, strict=True))
    assert len(pairs) == 10_000
    assert len(set(case.lr)) == len(set(case.seeds)) == 100
    assert 1e-4 < case.lr.min() < case.lr.max() < 1


def test_many_lanes_take_fewer_steps() -> None:
    plan = Plan(["sgd"], ["logistic"], [10_000], ["engine"], 1000, {"logistic": 50_000}, {}, 1, 0.1)
    assert plan.case("sgd", "logistic", 10_000).steps == 5
    assert plan.case("sgd", "logistic", 1).steps == 1000


def test_blocks_are_measured_where_there_are_several() -> None:
    plan = Plan(["sgd"], ["logistic"], [1], list(CONTESTANTS), 10, {}, {}, 1, 0.1)
    assert "optax_blocks" in plan.suited(10_000)
    assert "optax_blocks" not in plan.suited(1_000)
    assert "optax_blocks" not in plan.suited(2_500)


def test_repetition_goes_on_for_its_time() -> None:
    done = repetition(lambda: sum(range(1000)) and 7, seconds=0.01)
    assert done.lane_steps % 7 == 0
    assert done.lane_steps > 7
    assert done.cpu_seconds >= 0.01


def test_first_call_is_all_from_the_case_to_the_results() -> None:
    def prepare(case: Case) -> Prepared:
        return Prepared(
            lambda: sum(range(200_000)) and case.lanes, compile_seconds=sum(range(200_000)) and 0.5
        )

    done, again = first_call(prepare, small_case("sgd", "quadratic"))
    assert (done.lane_steps, done.compile_seconds) == (9, 0.5)
    assert 0 < done.cpu_seconds <= done.wall_seconds * 1.5
    assert again() == 9


def test_memory_is_that_of_this_process() -> None:
    before = peak_memory_mb()
    held = np.ones(30_000_000)
    assert peak_memory_mb() >= before + 0.5 * held.nbytes / 1e6


def test_missing_libraries_are_named() -> None:
    assert Contestant("", "", ("", ""), needs=("numpy", "no_such_library")).missing == ["no_such_library"]


# What comes out


def measurement(contestant: str, lanes: int, *seconds: float) -> Measurement:
    case = Case("rmsprop", "quadratic", lanes, steps=100, highest_lr=1.0)
    done = tuple(Repetition(1000 * lanes, second, second, 50.0) for second in seconds)
    compiling = 8.0 if contestant == "optax" else 0.0
    once = 100 if contestant == "article" else 100 * lanes
    return Measurement(case, contestant, FirstCall(once, compiling + 2, compiling + 2, compiling), done)


@pytest.fixture
def rows() -> pd.DataFrame:
    done = [
        measurement("engine", 1, 2.0, 1.0, 4.0),
        measurement("optax", 1, 0.1, 0.1, 0.1),
        measurement("engine", 10_000, 1.0, 1.0, 1.0),
        measurement("article", 10_000, 2000.0, 1500.0, 4000.0),
        measurement("optax", 10_000, 2.0, 2.0, 2.0),
    ]
    return table(done)


def test_table_compares_medians(rows: pd.DataFrame) -> None:
    assert rows[RATE].tolist() == [500, 1e4, 1e7, 5000, 5e6]
    assert rows["engine_ratio"].tolist() == [1, 0.05, 1, 2000, 2]
    assert rows.loc[0, ["low", "high"]].tolist() == [250, 1000]
    assert rows["measured_lane_steps"].tolist() == [3000, 3000, 3e7, 3e7, 3e7]


def test_first_calls_are_compared_too(rows: pd.DataFrame) -> None:
    article = 1e6 / (2 - 100 / 5000 + 1e6 / 5000)  # the first run is slower than the later ones
    assert rows[FIRST].tolist() == pytest.approx([50, 10, 5e5, article, 1e5])
    assert rows["first_call_engine_ratio"].tolist() == pytest.approx([1, 5, 1, 5e5 / article, 5])
    assert rows["compile_seconds"].tolist() == [0, 8, 0, 0, 8]


def test_targets_are_told_as_they_are(rows: pd.DataFrame) -> None:
    article, optax = targets(rows)
    assert "**Reached**: 2,000 times" in article
    assert "long run **reached at 1 of 2**: 20 times slower at 1, 2 times as fast at 10,000 lanes" in optax
    assert "first call, compilation included, **reached at 2 of 2**: 5 times as fast at 1, 5 times" in optax
    assert optax.endswith("; the other would be ahead there in runs of more steps than 4,310 at 1 lane.")
    assert lead(1.5) == "1.5 times as fast"


def test_page_shows_every_measurement(rows: pd.DataFrame) -> None:
    text = "\n".join(page(rows, "a machine"))
    assert "Measured on: a machine." in text
    assert "## rmsprop on quadratic" in text
    assert sum(line.startswith("| 1") for line in text.splitlines()) == len(rows)


@pytest.mark.parametrize(
    ("rate", "label"), [(RATE, "lane-steps / s"), (FIRST, "lane-steps / s\n(first call)")]
)
def test_chart_has_a_line_for_each_contestant(rows: pd.DataFrame, rate: str, label: str) -> None:
    figure = chart(rows, rate)
    [ax] = figure.axes
    assert {len(line.get_xydata()) for line in ax.lines} == {1, 2}
    assert len(ax.lines) == 3
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("lanes", label)
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        CONTESTANTS[name].label for name in ("engine", "article", "optax")
    ]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "experiments.benchmark", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_a_small_benchmark(tmp_path: Path) -> None:
    done = run(
        "parts=[engine]",
        "optimizers=[rmsprop]",
        "problems=[quadratic]",
        "lanes=[64,1]",
        "contestants=[article,engine]",
        "steps=20",
        "repeats=2",
        "seconds=0.001",
        f"results={tmp_path}",
    )
    assert done.returncode == 0, done.stderr
    assert "[2/2] rmsprop on quadratic, 64 lanes: article" in done.stdout
    files = sorted(file.name for file in tmp_path.rglob("*") if file.is_file())
    figures = ["benchmark.png", "benchmark.svg", "first_call.png", "first_call.svg"]
    assert files == ["benchmark.csv", "benchmark.md", *figures]
    rows = pd.read_csv(tmp_path / "benchmark" / "benchmark.csv")
    assert rows["lanes"].tolist() == [1, 1, 64, 64]
    assert rows["contestant"].tolist() == ["article", "engine"] * 2
    assert (rows[[RATE, FIRST, "first_call_cpu_seconds"]] > 0).all(axis=None)
    assert (rows["low"] <= rows["high"]).all()
    assert rows["peak_memory_mb"].between(20, 2000).all()
    assert (rows["measured_lane_steps"] >= 2 * 20).all()
    assert rows[rows["contestant"] == "engine"]["engine_ratio"].tolist() == [1, 1]


# --- Whole grids ---

SAID = (
    "1 cell, 1,000,000 runs, of which 0 are stored; the others take about 25 s in 8 jobs, 2 at\nonce, and "
    "721 MB on disk. Nothing was run."
)
WHOLES = {
    "basic": Whole(40.0, 200.0, 44.0, ""),
    "processes": Whole(20.0, 700.0, 44.0, ""),
    "dry": Whole(2.0, 200.0, 0.0, SAID),
    "many": Whole(30.0, 1200.0, 700.0, ""),
    "again": Whole(11.0, 900.0, 0.0, ""),
    "report": Whole(30.0, 1500.0, 1.0, ""),
    "more": Whole(90.0, 1300.0, 2000.0, ""),
    "more again": Whole(50.0, 1200.0, 0.0, ""),
    "report on more": Whole(70.0, 3000.0, 1.0, ""),
}


def test_a_forecast_is_read_as_it_was_said() -> None:
    assert read_forecast(SAID) == (25, 721)
    assert read_forecast(SAID.replace("25 s", "2 min").replace("721 MB", "1.5 GB")) == (120, 1500)
    with pytest.raises(RuntimeError, match="no forecast"):
        read_forecast("nothing")


def test_targets_of_grids_are_told_as_they_are() -> None:
    told = [target.told() for target in grid_targets(WHOLES, bare=28.0)]
    assert [line.partition("**: ")[2] for line in told] == [
        "2 times.",
        "20 s.",
        "30 s.",
        "1.07 times.",
        "1.5 GB.",
        "3 GB.",
        "0.7 GB.",
        "11 s.",
        "30 s.",
        "1.2 times off.",
    ]
    assert ["**Not reached**" in line for line in told] == [
        False,
        True,
        True,
        *[False] * 4,
        True,
        *[False] * 2,
    ]


def test_a_command_is_measured_with_all_its_processes(tmp_path: Path) -> None:
    grid = ["-m", "optimizer=sgd,adam", "seed=0,1", "steps=20", "record.points=3", "jobs=2"]
    done = whole(tmp_path, "run", *grid)
    assert "4 runs done" in done.said
    assert done.seconds > 0
    assert done.disk_mb == pytest.approx(size_of(tmp_path) / 1e6)
    assert 50 < done.peak_memory_mb < 4000 or np.isnan(done.peak_memory_mb)
    with pytest.raises(RuntimeError, match="ended with 2"):
        whole(tmp_path, "run", "steps=0")


def test_bad_input_ends_with_one_line(tmp_path: Path) -> None:
    ended = here(tmp_path, "benchmark.__main__", "lanes=[0]", f"results={tmp_path}")
    assert ended == Ended(2, "", "error: lanes must be an integer in [1, inf), got 0\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("optimizers", ["sgdd"], r"optimizers must be among .*sgd.*, got 'sgdd'"),
        ("problems", [], r"problems must be a list of quadratic, logistic, rosenbrock, got \[\]"),
        ("contestants", ["article"], "contestants must include engine"),
        ("steps", 1, r"steps must be an integer in \[2, inf\), got 1"),
        ("repeats", 1.5, r"repeats must be an integer in \[1, inf\), got 1.5"),
    ],
)
def test_what_cannot_be_measured_is_said(key: str, value: Any, message: str) -> None:
    config = OmegaConf.load(ROOT / "conf" / "benchmark.yaml")
    settings = {k: v for k, v in config.items() if k not in ("defaults", "hydra", "parts", "runs")}
    assert plan_of(OmegaConf.create(settings)).races > 0
    with pytest.raises(ValueError, match=message):
        plan_of(OmegaConf.create(settings | {key: value}))
