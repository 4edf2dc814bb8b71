"""Two studies beside each other: matched by settings, whatever made them; what differs, and by how much."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import Ended, files, here
from studies import doubled_loss, rewritten, unchanged

from experiments.store import Store
from experiments.together.differences import by_number, differing, relative
from experiments.together.matching import matched, runs_told

GRID = (
    *("-m", "steps=20", "record.points=5", "problem=rosenbrock,quadratic_bowl,quadratic", "jobs=1"),
    *("optimizer=sgd,adam", "optimizer.lr=0.001,0.01,1000"),
)
SAME = "no number differs (seconds are not compared)\n"


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Studies of two dtypes, of which the second has other seeds as well, and one of both seeds."""
    folder = tmp_path_factory.mktemp("reference")
    grid = (*GRID, "engine=numpy")
    assert here(folder, "run", *grid, "seed=0,1", "study=A").code == 0
    assert here(folder, "run", *grid, "seed=1,2", "dtype=float32", "study=single").code == 0
    return folder


@pytest.fixture
def folder(reference: Path, tmp_path: Path) -> Path:
    shutil.copytree(reference / "results", tmp_path / "results")
    shutil.copytree(tmp_path / "results" / "A", tmp_path / "results" / "B")
    return tmp_path


def diff(folder: Path, words: str = "study=A,B", *more: str) -> Ended:
    ended = here(folder, "diff", words, "into=told", *more)
    assert (ended.code, ended.err) == (0, ""), ended
    return ended


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / "told" / f"{name}.csv")


def test_a_copy_does_not_differ(folder: Path) -> None:
    out = diff(folder).out
    assert out.startswith("36 runs, at settings of both A and B\nno number differs")
    assert SAME in out
    assert "and ranks are the same, of 6 pairs of optimizer and problem\n" in out
    assert "who is better over the problems is the same for 1 of 1 pair\n" in out
    assert table(folder, "numbers")["differ"].sum() == 0
    assert len(table(folder, "only")) == len(table(folder, "runs")) == 0


def test_older_code_is_seen_and_matched_by_settings(folder: Path) -> None:
    rewritten(folder / "results" / "B", unchanged, code="0123456789abcdef")
    assert Store(folder / "results" / "B").runs().empty
    out = diff(folder).out
    assert out.startswith("36 runs, at settings of both A and B\n36 of them were made by other code\n")
    assert SAME in out


def test_numbers_that_differ_are_counted_and_measured(folder: Path) -> None:
    rewritten(folder / "results" / "B", doubled_loss, code="0123456789abcdef")
    out = diff(folder).out
    runs = Store(folder / "results" / "A").runs()
    finite = int(runs["loss"].notna().sum())
    assert 0 < finite < 36
    assert f"{finite} of 36 runs differ\n" in out
    found = table(folder, "numbers").query("number == 'loss'").set_index(["problem", "optimizer"])
    for pair, part in runs.groupby(["problem", "optimizer"], observed=True):
        row = found.loc[pair]
        assert row["differ"] == part["loss"].notna().sum()
        assert row["missing"] == 0
        assert row[["relative", "median"]].tolist() == [0.5, 0.5]  # of the larger
        assert row["largest"] == pytest.approx(part["loss"].max())
        assert row["run"] == part.loc[part["loss"].idxmax(), "run"] or row["relative"] == 0.5
    pairs = table(folder, "runs")
    assert len(pairs) == finite
    np.testing.assert_array_equal(pairs["loss (B)"], 2 * pairs["loss (A)"])
    assert "the same in all: status, " in out


def test_a_tolerance_lets_small_differences_pass(folder: Path) -> None:
    rewritten(folder / "results" / "B", doubled_loss)
    assert (
        "no number differs by more than 0.5 of the larger" in diff(folder, "study=A,B", "tolerance=0.5").out
    )
    assert "runs differ by more than 0.49 of the larger" in diff(folder, "study=A,B", "tolerance=0.49").out


def test_another_dtype_throughout_is_ignored_and_other_seeds_are_told(folder: Path) -> None:
    out = diff(folder, "study=A,single").out
    assert out.startswith("18 runs, at settings of both A and single\n")
    assert "dtype differs throughout, float64 in A and float32 in single, and was ignored: quadratic" in out
    alone = "3 settings each\n"
    assert (
        f"only in A: 18 runs of adam, sgd on quadratic, quadratic_bowl, rosenbrock, seeds 0, {alone}" in out
    )
    assert (
        f"only in single: 18 runs of adam, sgd on quadratic, quadratic_bowl, rosenbrock, seeds 2, {alone}"
        in out
    )
    only = table(folder, "only")
    assert only.groupby("study")["seed"].unique().to_dict() == {"A": [0], "single": [2]}
    relative_loss = table(folder, "numbers").query("number == 'best_loss'")["relative"]
    assert 0 < relative_loss.max() < 1e-3


def test_a_dtype_that_both_have_is_not_ignored(folder: Path) -> None:
    here(folder, "merge", "study=A,single", "into=both")
    out = diff(folder, "study=A,both").out
    assert "differs throughout" not in out
    assert out.startswith("36 runs, at settings of both A and both\n")
    assert SAME in out
    assert table(folder, "only")["dtype"].unique() == ["float32"]


def test_best_settings_and_ranks_that_differ_are_shown(folder: Path) -> None:
    def better_at_first(runs: pd.DataFrame, history: pd.DataFrame) -> None:
        """Make the smallest learning rate of Adam the best, and better than SGD."""
        best = (runs["optimizer"] == "adam") & (runs["optimizer.lr"] == 0.001)
        runs.loc[best, "suboptimality"] = 1e-9
        history.loc[history["run"].isin(runs.loc[best, "run"]), "suboptimality"] = 1e-9

    rewritten(folder / "results" / "B", better_at_first)
    out = diff(folder).out
    found = table(folder, "best_settings").set_index(["optimizer", "problem"])
    assert found.loc["adam", "other_setting"].tolist() == ["lr=0.001"] * 3
    assert found.loc["adam", "other_rank"].tolist() == [1.0] * 3
    assert found.loc["sgd", "other_rank"].tolist() == [2.0] * 3
    assert found.loc["adam", "other_median"].tolist() == [1e-9] * 3
    runs = Store(folder / "results" / "A").runs()
    for problem, part in runs.groupby("problem", observed=True):
        medians = part.fillna({"suboptimality": np.inf}).groupby(["optimizer", "optimizer.lr"], observed=True)
        best = medians["suboptimality"].median().groupby("optimizer", observed=True).min()
        assert found.loc[("adam", problem), "median"] == pytest.approx(best["adam"])
        expected = 1.0 if best["adam"] < best["sgd"] else 2.0
        assert found.loc[("adam", problem), "rank"] == expected
    assert f"and ranks, that differ: {found['differs'].sum()} of 6" in out


def test_runs_of_one_study_by_older_code_and_by_this(folder: Path) -> None:
    rewritten(folder / "results" / "B", doubled_loss, code="0123456789abcdef")
    here(folder, "merge", "study=A,B", "into=both")
    out = diff(folder, "study=both").out
    assert out.startswith("36 runs, at settings of both both by older code and both by this code\n")
    assert "runs differ\n" in out
    of_two = diff(folder, "study=A,both").out  # the present code's come first
    assert SAME in of_two
    assert "both: 36 runs are passed over for newer ones at the same settings\n" in of_two


def test_settings_that_older_code_did_not_know_have_their_defaults(folder: Path) -> None:
    def without(runs: pd.DataFrame, history: pd.DataFrame) -> None:
        del runs["optimizer.clip_norm"], runs["optimizer.averaging"]
        runs["mood"] = 1.0

    rewritten(folder / "results" / "B", without, code="0123456789abcdef")
    out = diff(folder).out
    assert out.startswith("36 runs, at settings of both A and B\n")
    assert "numbers that B alone has: mood\n" in out
    assert SAME in out


def test_runs_recorded_otherwise_are_matched(folder: Path) -> None:
    again = (
        "steps=20",
        "record.points=3",
        *(word for word in GRID if "record" not in word and "steps" not in word),
    )
    assert here(folder, "run", *again, "engine=numpy", "seed=0,1", "study=fewer").code == 0
    out = diff(folder, "study=A,fewer").out
    assert "36 of them were recorded at other steps" in out
    assert SAME in out


def test_verdicts_are_compared_where_both_have_them(folder: Path) -> None:
    for name, verdict in (("A", "confirmed"), ("B", "refuted")):
        text = f"claim,verdict,evidence\nfit,confirmed,x\nfaster,{verdict},y\n"
        (folder / "results" / name / "claims.csv").write_text(text)
    out = diff(folder).out
    assert "verdicts: 1 of 2 claims the same\n  faster: confirmed in A, refuted in B\n" in out


def test_folders_of_verdicts_need_no_runs(tmp_path: Path) -> None:
    for name, verdict in (("one", "confirmed"), ("other", "refuted")):
        (tmp_path / name / "article").mkdir(parents=True)
        (tmp_path / name / "article" / "claims.csv").write_text(
            f"claim,verdict\nfit,{verdict}\nmine,partly\n"
        )
    ended = here(tmp_path, "diff", "study=./one/article,./other/article", "into=told")
    assert ended.code == 0
    assert (
        "verdicts: 1 of 2 claims the same\n  fit: confirmed in ./one/article, refuted in ./other/"
        in ended.out
    )
    assert files(tmp_path / "told") == ["verdicts.csv"]


def test_studies_with_nothing_in_common(folder: Path) -> None:
    grid = ("-m", "steps=9", "problem=rosenbrock", "engine=numpy", "jobs=1", "optimizer=adagrad", "seed=0")
    assert here(folder, "run", *grid, "study=other").code == 0
    out = diff(folder, "study=A,other").out
    assert out.startswith("0 runs, at settings of both A and other\n")
    assert len(table(folder, "only")) == 37


def test_tables_lie_in_the_first_study_by_default(folder: Path) -> None:
    shutil.move(folder / "results" / "B", folder / "elsewhere")
    assert here(folder, "diff", "study=A,./elsewhere").code == 0
    assert "numbers.csv" in files(folder / "results" / "A" / "diff" / "elsewhere")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["study=A,nope"], "study=nope: there is no such study in results"),
        (["study=A,single,x"], "study=x: there is no such study in results"),
        (["study=A"], "study=A by older code: it holds no runs, so there is nothing to compare"),
        (["study=A,single", "tolerance=-1"], "tolerance must be a number in [0, inf), got -1"),
        (
            ["study=A,single", "measure=nope", "into=told"],
            "measure must be one of loss, best_loss, suboptimality, grad_norm, distance, hit_1e-1, hit_1e-2, "
            "hit_1e-3, hit_1e-4, hit_1e-5, hit_1e-6, hit_1e-7, hit_1e-8, mse, got 'nope'",
        ),
    ],
)
def test_bad_input_is_one_line(reference: Path, words: list[str], line: str) -> None:
    before = files(reference)
    ended = here(reference, "diff", *words)
    assert (ended.code, ended.err) == (2, f"error: {line}\n")
    assert files(reference) == before


# --- The numbers themselves ---


def test_missing_numbers_are_equal_and_infinite_ones_far() -> None:
    one = pd.Series([1.0, np.nan, np.nan, np.inf, np.inf, 0.0, -2.0])
    other = pd.Series([1.0, np.nan, 3.0, np.inf, 1.0, 0.0, 2.0])
    np.testing.assert_array_equal(relative(one, other), [0, 0, np.inf, 0, np.inf, 0, 2])


def test_numbers_are_measured_within_what_is_asked_for(folder: Path) -> None:
    one, other = (runs_told(folder / "results" / name) for name in "AB")
    other.loc[other["run"] == one["run"][3], "loss"] = np.nan
    other.loc[other["run"] == one["run"][4], "loss"] *= 1 + 2**-20
    found = matched(one, other.sample(frac=1, random_state=0))
    assert found.one["run"].tolist() == found.other["run"].tolist()
    row = by_number(found, differing(found)).set_index("number").loc["loss"]
    assert row[["runs", "differ", "missing"]].tolist() == [36, 2, 1]
    assert row["relative"] == pytest.approx(2**-20, rel=1e-3)
    assert row["run"] == one["run"][4]
