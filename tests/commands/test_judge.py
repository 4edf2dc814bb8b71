"""``judge``: a claim from its file to its page, as a user does it."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from command_line import ROOT, Ended, files, here

from experiments.reports import judging
from experiments.reports.experiments import ExperimentFailed
from experiments.reports.sources import runs_behind
from experiments.store import Store, store

CLAIM = """
statement: RMSprop ends lower than SGD.
study: mine
runs:
  optimizer: sgd,rmsprop
  optimizer.lr: 0.001,0.01
  problem: quadratic
  engine: numpy
  steps: 20
  seed: range(0,12)
  record.points: 5
rule:
  compare: optimizer
  better: rmsprop
  than: sgd
  measure: suboptimality
map: [steps, optimizer.lr]
"""

Judge = Callable[..., Ended]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("judge")
    (place / "claims").mkdir()
    (place / "claims" / "lower.yaml").write_text(CLAIM, encoding="utf-8")
    return place


@pytest.fixture(scope="module")
def first(folder: Path) -> Ended:
    return here(folder, "judge", "claim=claims/lower.yaml")


@pytest.fixture
def judge(folder: Path, first: Ended) -> Judge:
    """Judge the claim again, whose runs are there, with some keys made otherwise."""
    return lambda *words: here(folder, "judge", "claim=claims/lower.yaml", *words)


def page(folder: Path) -> str:
    return (folder / "results/mine/claims/lower/report.md").read_text(encoding="utf-8")


def test_it_runs_what_is_not_there_decides_and_writes_a_page(folder: Path, first: Ended) -> None:
    assert first.code == 0, first.err
    verdict, _, rest = first.out.partition(", ")
    assert verdict in ("lower: refuted", "lower: reproduced", "lower: partly")
    assert "(suboptimality, sgd / rmsprop, median over seeds)" in rest
    assert "report written to results/mine/claims/lower/report.md" in first.out
    text = page(folder)
    assert "before any of these 48 runs was there" in text
    assert "changed" not in text.split("The rule:")[0]
    assert f"**Verdict: {verdict.removeprefix('lower: ')}.**" in text
    for words in (
        "Settings are chosen on seeds 8-11 and shown on 0-7",
        "The verdict",
        "*The effect*",
        "better: rmsprop",
    ):
        assert words in text
    made = files(folder / "results/mine/claims/lower")
    for name in ("the_comparisons.csv", "the_settings.csv", "sensitivity.csv", "effect.csv", "map.csv"):
        assert f"tables/lower_{name}" in made
    assert {"claims.csv", "runs.csv", "figures/lower_map.png", "runs/lower.csv"} <= set(made)
    row = pd.read_csv(folder / "results/mine/claims/lower/claims.csv").iloc[0]
    assert (row["claim"], row["study"]) == ("lower", "mine")


def test_from_its_tables_one_gets_to_their_runs(folder: Path, first: Ended) -> None:
    for table, count in (("lower_effect", 48), ("lower_the_comparisons", 48)):
        runs = runs_behind(table, folder / "results/mine/claims/lower", folder / "results")
        assert len(runs) == count


def test_a_study_with_a_rule_is_sound(folder: Path, first: Ended) -> None:
    ended = here(folder, "check", "study=mine")
    assert ended.code == 0, ended.out + ended.err


def test_again_it_runs_nothing_and_says_the_same(judge: Judge, folder: Path, first: Ended) -> None:
    before, text = files(folder / "results/mine/runs"), page(folder)
    again = judge()
    assert (again.code, again.out) == (0, first.out)
    assert files(folder / "results/mine/runs") == before
    assert page(folder) == text
    assert "[lower]" not in again.err


def test_a_changed_rule_is_told_with_what_is_older(judge: Judge, folder: Path) -> None:
    assert judge("claim.rule.factor=1.5", "claim.map=null").code == 0
    text = page(folder)
    assert "when all of these 48 runs were there, perhaps with them in view" in text
    assert "**The rule was changed.**" in text
    assert "+   factor: 1.5" in text
    assert len(files(folder / "results/mine/rules")) >= 2
    more = judge("claim.rule.factor=1.5", "claim.map=null", "claim.runs.seed=range(0,13)")
    assert more.code == 0, more.err
    assert "when 48 of these 52 runs were there already; the others are younger" in page(folder)


def test_a_study_is_taken_as_it_is_where_no_runs_are_asked_for(folder: Path, first: Ended) -> None:
    rule = CLAIM.split("rule:")[1].split("map:")[0]
    (folder / "plain.yaml").write_text(f"statement: So.\nstudy: mine\nrule:{rule}", encoding="utf-8")
    ended = here(folder, "judge", "claim=plain.yaml")
    assert ended.code == 0, ended.err
    assert "suboptimality, sgd / rmsprop" in ended.out


def test_seeds_are_added_until_it_is_decided_and_no_further(folder: Path, first: Ended) -> None:
    """Eight seeds are shown at the first look, whose level is far out of their reach."""
    more = ("judge.until_decided=true", "judge.most_runs=200", "claim.map=null", "claim.study=grown")
    ended = here(folder, "judge", "claim=claims/lower.yaml", *more, "claim.runs.optimizer.lr=0.01")
    assert ended.code == 0, ended.err
    said = [line for line in ended.err.splitlines() if "seeds: " in line]
    assert said[0] == "[lower] 12 seeds: undecided"
    text = (folder / "results/grown/claims/lower/report.md").read_text(encoding="utf-8")
    assert f"Seeds were added until the rule decided or the runs were used up, in {len(said)} looks." in text
    assert "Lan & DeMets (1983)" in text
    looks = pd.read_csv(folder / "results/grown/claims/lower/tables/lower_looks.csv")
    assert looks["seeds"].tolist()[:2] == [12, 24]
    assert looks["error of an interval"].is_monotonic_increasing
    assert looks["verdict"].tolist()[:-1] == ["undecided"] * (len(looks) - 1)
    assert len(Store(folder / "results/grown").runs()) == looks["runs"].iloc[-1] <= 200


def test_the_rule_is_written_down_before_anything_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: list[str] = []

    def fails(name: str, words: list[str]) -> None:
        seen.extend(files(tmp_path))
        raise ExperimentFailed(f"the experiment {name} failed")

    monkeypatch.setattr(judging, "run_words", fails)
    ended = here(tmp_path, "judge", f"claim={folder / 'claims' / 'lower.yaml'}")
    assert (ended.code, ended.err) == (2, "error: the experiment lower failed\n")
    [rule] = seen
    assert rule.startswith("results/mine/rules/lower-")
    assert "there: []" in (tmp_path / rule).read_text(encoding="utf-8")


def test_runs_of_older_code_are_told(
    folder: Path, first: Ended, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "old.yaml").write_text(
        CLAIM.split("runs:")[0] + "rule:" + CLAIM.split("rule:")[1], encoding="utf-8"
    )
    monkeypatch.setattr(store, "code_fingerprint", lambda *parts: "another")
    ended = here(folder, "judge", f"claim={tmp_path / 'old.yaml'}")
    assert ended.code == 2
    assert "claim.study=mine: its " in ended.err
    assert "runs are of older code, and claim.runs does not say which to make" in ended.err


BAD = [
    (
        ("claim.rule.measure=los",),
        "claim.rule.measure=los: there is no such measure; near it are loss, best_loss",
    ),
    (("claim.rule.compare=lr",), "claim.rule.compare=lr: there is no such axis; near it is optimizer.lr"),
    (("claim.rule.better=adam",), "claim.rule.better=adam: no run has it; there are sgd, rmsprop"),
    (("claim.rule.measure=accuracy",), "these runs are not measured by it; there are suboptimality, loss"),
    (("claim.runs.optimizer=sdg",), "optimizer must be one of"),
    (("claim.runs.sede=1",), "sede=1: there is no such key; there are optimizer"),
    (("claim.rule.factor=1", "claim.rule.factor=2"), "claim.rule.factor is given twice"),
    (("claim.study=../x",), "study must be letters"),
    (("claim.map=[steps,lr]",), "claim.map=lr: there is no such axis; near it is optimizer.lr"),
    (("judge.until_decided=perhaps",), "judge.until_decided must be true or false, got 'perhaps'"),
    (
        ("judge.until_decided=true", "judge.most_runs=10"),
        "the seeds that claim.runs asks for take 48 runs already",
    ),
    (
        ("judge.until_decided=true", "claim.rule.average=mean"),
        "claim.rule.average must be median, got 'mean'",
    ),
    (("judge.until_decided=true", "claim.rule.paired=instance"), "claim.rule.paired must be seed"),
    (("judge.most_runs=0",), "judge.most_runs must be an integer in [1"),
    (("nonsense=1",), "nonsense=1: there is no such key; there are +claim, judge, results"),
]


@pytest.mark.parametrize(("words", "said"), BAD)
def test_what_cannot_be_is_one_line_and_nothing_is_written(
    judge: Judge, folder: Path, words: tuple[str, ...], said: str
) -> None:
    before = files(folder)
    ended = judge(*words)
    assert (ended.code, ended.out) == (2, "")
    [line] = ended.err.splitlines()
    assert said in line
    assert files(folder) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "claim: which one? Write +claim=NAME"),
        (("+claim=nope",), "claim must be one of adam_is_faster"),
        (("claim=nope",), "claim must be one of adam_is_faster"),
        (("+claim=faster,deep",), "one claim at a time"),
        (("claim=nope.yaml",), "claim=nope.yaml: the file cannot be read: No such file"),
        (("claim=bad.yaml",), "claim=bad.yaml: the file cannot be read: "),
        (("claim=list.yaml",), "and keys with values in it"),
        (("claim=empty.yaml",), "claim.statement must say what is claimed"),
        (
            ("claim=alone.yaml",),
            "claim.study=alone: it holds no runs, and claim.runs does not say which to make",
        ),
    ],
)
def test_a_file_that_is_no_claim_is_one_line(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    (tmp_path / "bad.yaml").write_text("a: [b", encoding="utf-8")
    (tmp_path / "list.yaml").write_text("[a, b]", encoding="utf-8")
    (tmp_path / "empty.yaml").write_text("", encoding="utf-8")
    (tmp_path / "alone.yaml").write_text(
        CLAIM.partition("study")[0] + "rule:" + CLAIM.split("rule:")[1], encoding="utf-8"
    )
    before = files(tmp_path)
    ended = here(tmp_path, "judge", *words)
    assert (ended.code, ended.out) == (2, "")
    [line] = ended.err.splitlines()
    assert said in line
    assert files(tmp_path) == before


@pytest.mark.parametrize("path", sorted((ROOT / "conf" / "claim").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_claim_begins_with_its_question_and_its_command(path: Path) -> None:
    question, command = path.read_text(encoding="utf-8").splitlines()[:2]
    assert question.startswith("# ")
    assert "?" in question
    assert command == f"#   python -m experiments.judge +claim={path.stem}"


@pytest.mark.parametrize("name", ["adam_is_faster", "cosine_ends_lower", "momentum_is_robust"])
def test_the_examples_are_taken(tmp_path: Path, name: str) -> None:
    """On few runs, and as far as to a verdict."""
    few = ["seed=0,1", "steps=3", "optimizer.lr=0.01,0.1", "engine=numpy", "record.points=2"]
    few += ["problem=quadratic"] if name == "adam_is_faster" else []
    few += ["problem.data=wine"] if name == "cosine_ends_lower" else []
    words = [f"claim.runs.{word}" for word in few]
    ended = here(tmp_path, "judge", f"+claim={name}", *words, "claim.map=null")
    assert ended.code == 0, ended.err
    assert "too few for an interval" in ended.out or "nothing is learnt" in ended.out
