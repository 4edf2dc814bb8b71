"""The frame of the claims: intervals, the registry, and the article reproduced end to end."""

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from command_line import ROOT, Ended, files, here, quiet
from numpy.typing import NDArray
from scipy.stats import bootstrap

from experiments import reproduce
from experiments.claims import CLAIMS, Verdict
from experiments.claims.base import RESAMPLES, Interval, geometric_mean, mean_over_seeds, over_seeds
from experiments.figures import STYLE
from experiments.reports import article
from experiments.reports import experiments as report_experiments
from experiments.reports.sources import runs_behind
from experiments.request.limits import FIRST_TUNING_SEED
from experiments.store import Store

Statistic = Callable[[NDArray[np.float64]], float]

# --- The interval over seeds ---


def by_scipy(values: NDArray[np.float64], statistic: Statistic) -> tuple[float, float]:
    """Return SciPy's percentile bootstrap interval, drawn with the same generator."""
    rng = np.random.default_rng(0)
    found = bootstrap((values,), statistic, n_resamples=RESAMPLES, method="percentile", rng=rng)
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


@pytest.mark.parametrize("statistic", [np.mean, np.median, np.max], ids=["mean", "median", "max"])
def test_the_interval_is_the_percentile_bootstrap(statistic: Statistic) -> None:
    values = np.random.default_rng(1).lognormal(size=20)
    found = over_seeds(20, lambda drawn: float(statistic(values[drawn])))
    assert found.value == statistic(values)
    assert (found.low, found.high) == pytest.approx(by_scipy(values, statistic), rel=1e-12)


def test_all_draws_at_once_give_the_same_interval() -> None:
    values = np.random.default_rng(4).lognormal(size=12)
    one_by_one = over_seeds(12, lambda drawn: float(np.exp(np.log(values)[drawn].mean())))
    assert astuple(geometric_mean(np.log(values))) == pytest.approx(astuple(one_by_one))
    mean = over_seeds(12, lambda drawn: float(values[drawn].mean()))
    assert astuple(mean_over_seeds(values)) == pytest.approx(astuple(mean))


def test_the_interval_of_a_mean_is_near_the_normal_one() -> None:
    values = np.random.default_rng(2).normal(5, 2, 400)
    found = over_seeds(400, lambda drawn: float(values[drawn].mean()))
    half = 1.96 * values.std() / 20
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), rel=0.01)


def test_the_same_seeds_give_the_same_interval_and_equal_ones_no_width() -> None:
    values = np.arange(10.0)
    first, second = (over_seeds(10, lambda drawn: float(values[drawn].sum())) for _ in range(2))
    assert first == second
    assert over_seeds(5, lambda drawn: 3.0) == Interval(3.0, 3.0, 3.0)


def test_a_comparison_stays_paired() -> None:
    own = np.random.default_rng(3).normal(size=30) * 100
    found = over_seeds(30, lambda drawn: float((own[drawn] - (own[drawn] - 1)).mean()))
    assert (found.low, found.high) == pytest.approx((1, 1))


def test_an_interval_may_end_at_infinity() -> None:
    some = np.array([1.0, 2.0, 3.0, np.inf, np.inf])
    found = over_seeds(5, lambda drawn: float(np.median(some[drawn])))
    assert (found.value, found.high) == (3.0, np.inf)
    assert 1 <= found.low <= 3
    lost = over_seeds(5, lambda drawn: float(np.max(some[drawn]) + np.inf))
    assert lost == Interval(np.inf, np.inf, np.inf)


def test_a_geometric_mean_is_of_the_ratios() -> None:
    ratios = np.array([2.0, 8.0])
    assert geometric_mean(np.log(ratios)).value == pytest.approx(4)
    assert geometric_mean(np.log(1 / ratios)).value == pytest.approx(1 / 4)
    assert geometric_mean(np.log(np.full(10, 3.0))).high == pytest.approx(3)


def test_an_interval_in_words() -> None:
    assert str(Interval(1.23456, 0.5, 20000.0)) == "1.23 [0.5, 2e+04]"


# --- The registry ---

ARTICLE = {
    "fit",
    "per_parameter",
    "imbalance",
    "lr_choice",
    "faster",
    "eps_stability",
    "memory",
    "deep",
    "scale_free",
}
CROWDED_VALLEY = ["adam_strong", "defaults_suffice", "no_dominance", "problem_dependence"]


def test_every_claim_of_the_article_is_there() -> None:
    assert {name for name, claim in CLAIMS.items() if claim.of == "article"} == ARTICLE
    assert [name for name, claim in CLAIMS.items() if claim.of == "crowded_valley"] == CROWDED_VALLEY
    assert [name for name, claim in CLAIMS.items() if claim.of == "theory"] == ["rates"]
    assert CLAIMS.keys() == ARTICLE | {*CROWDED_VALLEY, "rates"}
    assert {claim.id for claim in CLAIMS.values()} == CLAIMS.keys()


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_names_its_experiment_and_states_its_rule(name: str) -> None:
    claim = CLAIMS[name]
    experiment = yaml.safe_load((ROOT / "conf" / "experiment" / f"{claim.experiment}.yaml").read_text())
    assert experiment["hydra"]["sweeper"]["params"]
    assert claim.statement.endswith((".", ")."))
    assert "Reproduced if" in claim.predicate
    assert "refuted if" in claim.predicate


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_has_a_file_of_its_name(name: str) -> None:
    assert (ROOT / "experiments" / "claims" / f"{name}.py").is_file()


def test_the_verdicts_are_four_words() -> None:
    assert [str(verdict) for verdict in Verdict] == ["reproduced", "partly", "refuted", "undecided"]


# --- The command, on the one claim whose experiment takes a second ---

COLUMNS = ["claim", "statement", "verdict", "effect", "low", "high", "unit", "evidence", "study"]


@pytest.fixture(scope="module", autouse=True)
def small_pictures() -> Iterator[None]:
    """Render figures at a low resolution: it is quicker."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(STYLE, "savefig.dpi", 40)
        yield


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """A folder in which the claim `fit` was reproduced, and how that ended."""
    folder = tmp_path_factory.mktemp("reproduced")
    return folder, here(folder, "reproduce", "claims=[fit]")


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files(folder)}


def test_reproduce_runs_the_experiment_and_says_where_to_look(reproduced: tuple[Path, Ended]) -> None:
    folder, ended = reproduced
    assert ended.code == 0
    assert ended.err.splitlines() == [
        "[fit] 150 runs in 1 cell, study results/fit",
        "[fit] done",
        "deciding fit",
    ]
    said = "report written to results/article/report.md and, to send, results/article/report.html"
    assert ended.out.splitlines()[-1] == said
    assert len(Store(folder / "results" / "fit").runs()) == 150


def test_claims_csv_has_the_promised_columns(reproduced: tuple[Path, Ended]) -> None:
    folder, _ = reproduced
    with open(folder / "results" / "article" / "claims.csv", encoding="utf-8", newline="") as file:
        [row] = (rows := csv.DictReader(file))
    assert rows.fieldnames == COLUMNS
    assert (row["claim"], row["verdict"], row["study"]) == ("fit", "reproduced", "fit")
    assert row["statement"] == CLAIMS["fit"].statement
    assert float(row["low"]) <= float(row["effect"]) <= float(row["high"])
    assert re.search(r"\. Of \d+ variants, the verdict changes with the .*\.$", row["evidence"])


def test_the_report_says_what_was_asked_found_and_how_to_rerun_it(reproduced: tuple[Path, Ended]) -> None:
    folder, _ = reproduced
    text = (folder / "results" / "article" / "report.md").read_text(encoding="utf-8")
    assert CLAIMS["fit"].statement in text
    assert CLAIMS["fit"].predicate in text
    assert "**Verdict: reproduced.**" in text
    assert "`python -m experiments.run -m +experiment=fit`" in text
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert "figures/fit.png" in links
    assert [link for link in links if not (folder / "results" / "article" / link).is_file()] == []


def test_the_reports_example_leads_from_a_table_to_its_runs(reproduced: tuple[Path, Ended]) -> None:
    results = reproduced[0] / "results"
    text = (results / "article" / "report.md").read_text(encoding="utf-8")
    [name] = re.findall(r'^runs = runs_behind\("(\w+)"\)', text, re.MULTILINE)
    assert len(runs_behind(name, results / "article", results)) == 150
    [run] = runs_behind("fit_the_article_s_numbers", results / "article", results).to_dict("records")
    assert (run["seed"], run["optimizer.lr"]) == (0, 0.01)
    index = pd.read_csv(results / "article" / "runs.csv")
    assert set(index["command"]) == {"python -m experiments.run -m +experiment=fit"}


def test_the_report_carries_no_date_time_or_path(reproduced: tuple[Path, Ended]) -> None:
    folder, _ = reproduced
    for data in bytes_of(folder / "results" / "article").values():
        assert str(folder).encode() not in data
        own = re.sub(rb'<script type="module">.*?</script>', b"", data, flags=re.DOTALL)  # not of libraries
        assert re.search(rb"\b20\d\d-\d\d-\d\d\b|\d\d:\d\d:\d\d", own) is None


def test_reproducing_again_elsewhere_gives_the_same_bytes_and_latex_beside_them(
    reproduced: tuple[Path, Ended], tmp_path: Path
) -> None:
    folder, _ = reproduced
    again = here(tmp_path, "reproduce", "claims=[fit]", "results=other", "latex=true")
    assert (again.code, again.err.splitlines()[-1]) == (0, "deciding fit")
    found = bytes_of(tmp_path / "other" / "article")
    latex = {name: found.pop(name).decode("latin-1") for name in list(found) if name.startswith("latex/")}
    assert found == bytes_of(folder / "results" / "article")
    assert r"\section{fit: " in latex["latex/report.tex"]
    assert r"\input{tables/fit_effect.tex}" in latex["latex/report.tex"]
    assert r"\paragraph{fit}" in latex["latex/methods.tex"]
    assert "150 runs in all" in latex["latex/methods.tex"]
    assert {"latex/tables/fit_effect.tex", "latex/figures/fit.pdf"} <= set(latex)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["claims=[nope]"], "claims must be among fit, "),
        (["claims=[fit,nope]"], "claims must be among fit, "),
        (["claims=[]"], "claims must be among fit, "),
        (["claims=3"], "claims must be among fit, "),
        (["claims=[adam_strong]"], "claims must be among fit, "),
        (["of=crowded_valley", "claims=[fit]"], "claims must be among problem_dependence, "),
        (["of=nope"], "of must be one of article, crowded_valley, theory, got 'nope'"),
        (["foo=1"], "foo=1: there is no such key; there are results, plugins, of, claims"),
        (["optimizer=sgd"], "optimizer=sgd: there is no such key; there are results, plugins, of, claims"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_ends_with_one_line_before_anything_runs(
    tmp_path: Path, arguments: list[str], line: str
) -> None:
    ended = here(tmp_path, "reproduce", *arguments)
    assert ended.err.startswith(f"error: {line}")
    assert (ended.err.count("\n"), ended.out, ended.code) == (1, "", 2)
    assert files(tmp_path) == []


def test_claims_are_taken_in_their_order_and_one_needs_no_brackets() -> None:
    assert reproduce.checked_claims(["faster", "fit"], FIRST) == ["fit", "faster"]
    assert reproduce.checked_claims("faster", FIRST) == ["faster"]
    assert set(reproduce.checked_claims(None, FIRST)) == ARTICLE
    assert reproduce.checked_claims(None, [], "crowded_valley") == CROWDED_VALLEY


def failed(names: list[str], results: Path) -> None:
    report_experiments.run_in_turn(names, results, alone=True)


def test_an_experiment_that_fails_ends_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(reproduce, "run_all", lambda names, long, results: failed(names, results))
    with quiet() as said, pytest.raises(SystemExit):
        reproduce.all_run(["nope"], [], tmp_path)
    lines = said.getvalue().splitlines()
    assert lines[0].startswith("[nope] error: experiment must be one of ")
    assert lines[-1].startswith(
        "error: the experiment nope failed; python -m experiments.run -m +experiment=nope"
    )


FIRST = list(yaml.safe_load((ROOT / "conf" / "reproduce.yaml").read_text())["sections"]["article"]["claims"])


# --- What a claim is decided on ---


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a search with SGD, in whose study another optimizer ran as well."""
    folder = tmp_path_factory.mktemp("mixed")
    common = ("-m", "problem=quadratic", "steps=20", "study=s")
    assert here(folder, "tune", *common, "optimizer=sgd", "seed=0,1", "tune.trials=2").code == 0
    assert here(folder, "run", *common, "optimizer=adam", "seed=0,1").code == 0
    assert here(folder, "run", *common, "optimizer=sgd", "seed=2").code == 0
    return folder / "results"


def test_a_tuned_claim_is_decided_on_its_own_runs_of_a_mixed_study(mixed: Path) -> None:
    asked = {"optimizer": ["sgd"], "problem": ["quadratic"], "seed": [0, 1], "steps": [20]}
    found = report_experiments.Grid("s", frozenset(), (asked,)).evidence(mixed)
    assert set(found.runs["optimizer"]) == {"sgd"}
    assert set(found.runs.loc[found.runs["seed"] < FIRST_TUNING_SEED, "seed"]) == {0, 1}
    assert (found.runs["seed"] >= FIRST_TUNING_SEED).any()
    assert set(found.history["run"].astype(str)) == set(found.runs["run"].astype(str))


def test_nothing_is_decided_without_runs_that_a_claim_asks_for(mixed: Path) -> None:
    there = Store(mixed / "s").runs()["run"].astype(str)
    with pytest.raises(ValueError, match="study=s: 1 of 2 runs not in the store, and nothing is decided"):
        report_experiments.Grid("s", frozenset([there[0], "lost"])).evidence(mixed)
    assert len(report_experiments.Grid("s", frozenset(there[:2])).evidence(mixed).runs) == 2


def test_a_claim_says_where_every_run_diverged(mixed: Path) -> None:
    runs = Store(mixed / "s").runs()
    assert list(article.without_numbers(runs)) == []
    lost = runs.assign(status=runs["status"].astype(str).mask(runs["optimizer"] == "adam", "diverged"))
    [part] = article.without_numbers(lost)
    assert part.text == (
        "Every run diverged, so that there is no best setting, of adam on quadratic (2 runs, learning rates "
        "from 0.001 on)."
    )


def findings(*values: tuple[float, float, float]) -> list[Any]:
    from experiments.claims import Finding

    names = list(CLAIMS)[: len(values)]
    return [
        (CLAIMS[name], Finding(Verdict.PARTLY, Interval(*value), "steps", "So it is."), "some_study")
        for name, value in zip(names, values, strict=True)
    ]


def test_the_table_of_verdicts_has_one_row_a_claim() -> None:
    table = article.verdict_table(findings((1.0, 0.5, 2.0), (3.0, 3.0, np.inf)))
    assert list(table) == COLUMNS
    assert table["high"].tolist() == [2.0, np.inf]
    assert set(table["verdict"]) == {"partly"}
    assert set(table["study"]) == {"some_study"}
    assert isinstance(table, pd.DataFrame)
