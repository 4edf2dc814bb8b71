"""Parts of one's own in a folder: run by every command, told from others by their code."""

import shutil
from pathlib import Path

import pytest
from command_line import Ended, apart, here
from outside import completed, entered, well, write

from experiments.grid.batch import run_batch
from experiments.grid.shards import Batch
from experiments.plugins.layout import PluginError
from experiments.plugins.loading import digests
from experiments.store import Store

GRID = ("-m", "problem=rosenbrock", "engine=numpy", "seed=range(0,4)", "steps=20", "record.points=5")


def ids(folder: Path, study: str = "default") -> set[str]:
    return set(Store(folder / "results" / study).runs(outdated=True)["run"].astype(str))


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """A folder with an optimizer of one's own."""
    write(tmp_path / "parts", "optimizer", "mine")
    return tmp_path / "parts"


def run(folder: Path, *words: str) -> Ended:
    return here(folder, "run", *GRID, "optimizer=mine", *words)


# --- Run, stored, reported ---


def test_an_optimizer_schedule_and_problem_run_and_are_reported_with_the_projects_own(tmp_path: Path) -> None:
    for group in ("optimizer", "schedule", "problem"):
        well(here(tmp_path, "new", group, "mine"))
    grid = (
        "-m",
        "optimizer=mine,sgd",
        "problem=mine,rosenbrock",
        "schedule=mine",
        "seed=range(0,4)",
        "steps=20",
    )
    out = well(here(tmp_path, "run", *grid, "plugins=my_parts"))
    assert out.splitlines()[-1] == "16 runs done, 0 reused; stored in results/default"
    assert (
        well(here(tmp_path, "run", *grid, "plugins=my_parts")).splitlines()[-1].startswith("0 runs done, 16")
    )
    well(here(tmp_path, "report", "plugins=my_parts"))
    report = (tmp_path / "results" / "default" / "report" / "report.md").read_text()
    assert "16 runs: mine, sgd on mine, rosenbrock" in report
    assert "Left out" not in report
    assert "sound" in well(here(tmp_path, "check", "plugins=my_parts"))
    assert not list(tmp_path.rglob("__pycache__"))


def test_a_suite_an_experiment_and_contenders_are_yaml_files_alone(tmp_path: Path) -> None:
    write(tmp_path / "parts", "optimizer", "mine")
    texts = {
        "suite": "suite:\n  name: two\n  instances: [{problem: rosenbrock}, {problem: quadratic}]\n",
        "experiment": "optimizer:\n  lr: 0.5\n",
        "contenders": "contenders:\n  name: two\n  optimizers: [{optimizer: mine}, {optimizer: sgd}]\n",
    }
    for group, text in texts.items():
        (tmp_path / "parts" / group).mkdir()
        file = tmp_path / "parts" / group / "two.yaml"
        file.write_text(f"# @package _global_\n{text}hydra: {{mode: MULTIRUN}}\n")
    few = ("steps=5", "seed=range(0,3)", "engine=numpy", "plugins=parts")
    assert "6 runs done" in well(here(tmp_path, "run", "-m", "+suite=two", "optimizer=mine", *few))
    assert "6 runs done" in well(here(tmp_path, "run", "-m", "+contenders=two", *few, "study=c"))
    well(here(tmp_path, "run", "-m", "+experiment=two", "optimizer=mine", *few, "study=e"))
    assert set(Store(tmp_path / "results" / "e").runs(outdated=True)["optimizer.lr"]) == {0.5}
    well(here(tmp_path, "run", "-m", "+suite=two", "optimizer=sgd,adam", *few))
    well(here(tmp_path, "report", "plugins=parts"))
    report = (tmp_path / "results" / "default" / "report" / "report.md").read_text()
    assert "the suite two: all 2" in report


def test_help_completion_and_a_glob_see_them(parts: Path) -> None:
    folder = parts.parent
    assert ", lookahead, mine, muon, " not in well(here(folder, "run", "--help"))
    for word in ("plugins=parts", "plugins=[parts]", f"plugins={parts}"):
        assert ", lookahead, mine, muon, " in well(here(folder, "run", "--help", word))
    line = f"lanes run plugins={parts} optimizer=mi"
    ended = completed(folder, line)
    assert (ended.code, ended.out.strip()) == (0, "optimizer=mine")
    out = well(here(folder, "run", *GRID, "optimizer=glob(mi*)", "plugins=parts"))
    assert out.splitlines()[-1].startswith("4 runs done")


# --- The id of a run is that of the code that made it ---


def test_an_id_changes_with_the_file_and_what_it_imports_and_with_nothing_else(parts: Path) -> None:
    folder, file = parts.parent, parts / "optimizer" / "mine.py"
    shared = parts / "optimizer" / "_shared.py"
    shared.write_text("def kept(state):\n    return 1.0 * state.velocity\n")
    text = file.read_text().replace("from optim.base", "from ._shared import kept\nfrom optim.base")
    file.write_text(text.replace("self.momentum * state.velocity", "self.momentum * kept(state)"))
    well(run(folder, "plugins=parts"))
    made = ids(folder)
    write(parts, "problem", "valley")
    (parts / "optimizer" / "_other.py").write_text("x = 1\n")
    file.write_text(file.read_text() + "# a comment\n")
    assert well(run(folder, "plugins=parts")).splitlines()[-1].startswith("0 runs done, 4 reused")
    moved = folder / "elsewhere" / "renamed"
    shutil.copytree(parts, moved)
    assert well(run(folder, f"plugins={moved}")).splitlines()[-1].startswith("0 runs done, 4 reused")
    shared.write_text("def kept(state):\n    return 0.5 * state.velocity\n")
    assert well(run(folder, "plugins=parts")).splitlines()[-1].startswith("4 runs done, 0 reused")
    file.write_text(file.read_text().replace("- self.lr", "- 2 * self.lr"))
    assert well(run(folder, "plugins=parts")).splitlines()[-1].startswith("4 runs done, 0 reused")
    assert len(ids(folder)) == 12
    assert made < ids(folder)


def test_two_parts_of_one_name_are_two_in_a_study_and_among_compiled_programs(tmp_path: Path) -> None:
    grid = ("-m", "problem=mine", "optimizer=mine", "seed=range(0,4)", "steps=20")
    for name, (lr, loss) in {"a": ("0.1", "/ 2"), "b": ("0.2", "/ 3")}.items():
        rule, problem = (write(tmp_path / name, group, "mine") for group in ("optimizer", "problem"))
        rule.write_text(rule.read_text().replace("- self.lr", f"- {lr}"))
        problem.write_text(problem.read_text().replace("/ 2", loss))
    numbers = {}
    for name in ("a", "b", "a"):
        well(here(tmp_path, "run", *grid, f"plugins={name}", f"study={name}"))
        again = apart(tmp_path, "run", *grid, f"plugins={name}", f"study={name}-alone")
        well(again)
        runs = [Store(tmp_path / "results" / study).runs(outdated=True) for study in (name, f"{name}-alone")]
        assert list(runs[0]["loss"]) == list(runs[1]["loss"])
        assert set(runs[0]["run"]) == set(runs[1]["run"])
        numbers[name] = list(runs[0]["loss"])
    assert set(numbers["a"]).isdisjoint(numbers["b"])
    assert ids(tmp_path, "a").isdisjoint(ids(tmp_path, "b"))


def test_the_inner_rule_of_lookahead_is_that_of_the_folder(tmp_path: Path) -> None:
    words = (*GRID, "optimizer=lookahead", "optimizer.inner=mine")
    for name, lr in {"a": "0.01", "b": "0.02"}.items():
        rule = write(tmp_path / name, "optimizer", "mine")
        rule.write_text(rule.read_text().replace("- self.lr", f"- {lr}"))
        well(here(tmp_path, "run", *words, f"plugins={name}", f"study={name}"))
    assert ids(tmp_path, "a").isdisjoint(ids(tmp_path, "b"))
    losses = [set(Store(tmp_path / "results" / name).runs(outdated=True)["loss"]) for name in "ab"]
    assert losses[0].isdisjoint(losses[1])
    ended = here(tmp_path, "run", *words)
    assert ended.code == 2
    assert "optimizer.inner must be one of " in ended.err


# --- Where they are not ---


def test_a_study_names_the_runs_whose_parts_are_not_here_and_the_word_that_was_typed(parts: Path) -> None:
    folder = parts.parent
    well(run(folder, "plugins=parts"))
    line = "4 runs of optimizer=mine, which is not here; plugins=parts was typed where they were made"
    ended = here(folder, "report")
    assert (ended.code, ended.err) == (2, f"error: study=default: it holds {line}\n")
    assert f"{line}; left out of tables\n" in well(here(folder, "check"))
    well(here(folder, "run", *GRID, "optimizer=sgd"))
    assert f"left out: {line}\n" in well(here(folder, "report"))
    report = folder / "results" / "default" / "report" / "report.md"
    assert f"Left out: {line}." in report.read_text()
    well(here(folder, "report", "plugins=parts"))
    assert "8 runs: mine, sgd on rosenbrock" in report.read_text()
    assert "Left out" not in report.read_text()


def test_the_command_that_fills_a_hole_names_the_folders(parts: Path) -> None:
    folder, there = parts.parent, ("plugins=parts", "results=kept")
    well(run(folder, *there))
    more = [word if not word.startswith("seed") else "seed=range(0,6)" for word in GRID]
    well(here(folder, "run", *more, "optimizer=sgd", "results=kept"))
    told = well(here(folder, "check", *there))
    [line] = [line for line in told.splitlines() if line.startswith("uneven")]
    assert line.endswith(" study=default results=kept plugins=parts")
    command = line.partition("python -m experiments.run ")[2]
    well(here(folder, "report", *there))
    reported = folder / "kept" / "default" / "report" / "report.md"
    assert command in reported.read_text()
    words = (*command.split(), "engine=numpy", "record.points=5")
    assert "2 runs done, 0 reused" in well(here(folder, "run", *words))
    assert "uneven" not in well(here(folder, "check", *there))


# --- Elsewhere: worker processes ---


@pytest.mark.parametrize("launcher", ["processes", "joblib", "submitit_local"])
def test_workers_have_them_too(parts: Path, launcher: str) -> None:
    if launcher != "processes":
        pytest.importorskip(f"hydra_plugins.hydra_{launcher.split('_')[0]}_launcher")
    write(parts, "problem", "bowl")
    write(parts, "schedule", "line")
    words = ("-m", "optimizer=mine", "problem=bowl,rosenbrock", "schedule=line", "seed=range(0,4)", "steps=5")
    ended = apart(parts.parent, "run", *words, "plugins=parts", "jobs=4", f"hydra/launcher={launcher}")
    assert well(ended).splitlines()[-1] == "8 runs done, 0 reused; stored in results/default"
    again = here(parts.parent, "run", *words, "plugins=parts", "hydra/launcher=basic")
    assert well(again).splitlines()[-1] == "0 runs done, 8 reused; stored in results/default"


def test_a_file_that_changes_between_the_command_and_its_worker_is_refused(parts: Path) -> None:
    file, text = parts / "optimizer" / "mine.py", (parts / "optimizer" / "mine.py").read_text()
    with entered(parts):
        batch = Batch(str(parts), "", "", "", False, plugins=(str(parts),), outside=digests())
    assert [name.rpartition(".")[2] for name in batch.outside] == ["mine"]
    file.write_text(text.replace("- self.lr", "- 2 * self.lr"))
    with entered(parts), pytest.raises(PluginError, match=f"{file} has changed since the command began"):
        run_batch(Batch.from_text(batch.text()))
    file.write_text(text)
    write(parts, "optimizer", "another")
    with entered(parts):
        assert run_batch(Batch.from_text(batch.text())).failures == ()
