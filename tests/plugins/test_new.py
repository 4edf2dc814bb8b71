"""The command that writes the files of a new part: ready to run, never over what is there."""

import shlex
from pathlib import Path

import pytest
from command_line import files, here
from outside import entered, well, write

from experiments import load_plugins
from experiments.plugins.layout import CLASSES, PluginError
from experiments.plugins.loading import unload
from experiments.plugins.state import PLACES
from experiments.plugins.templates import TEMPLATES
from optim import OPTIMIZERS


@pytest.mark.parametrize("kind", CLASSES)
def test_it_prints_the_command_that_runs_what_it_wrote(tmp_path: Path, kind: str) -> None:
    for words, folder in (((), "my_parts"), (("plugins=a folder/b",), "a folder/b")):
        out = well(here(tmp_path, "new", kind, "some_thing", *words))
        paths = [f"{folder}/{kind}/some_thing{suffix}" for suffix in (".py", ".yaml")]
        assert out.startswith(f"written: {', '.join(paths)}\n")
        assert set(paths) <= set(files(tmp_path))
        [command] = [line for line in out.splitlines() if line.startswith("it runs: ")]
        told = command.removeprefix(f"it runs: python -m experiments run {kind}=some_thing ")
        assert told == shlex.quote(f"plugins={folder}")
        more = () if kind == "problem" else ("engine=numpy",)
        well(here(tmp_path, "run", f"{kind}=some_thing", f"plugins={folder}", "steps=5", *more))
    assert "class SomeThing(" in (tmp_path / "my_parts" / kind / "some_thing.py").read_text()


def test_a_new_claim_is_decided_by_the_command_that_is_printed(tmp_path: Path) -> None:
    out = well(here(tmp_path, "new", "claim", "mine"))
    [command] = [line for line in out.splitlines() if line.startswith("it is decided: ")]
    words = command.removeprefix("it is decided: python -m experiments judge ").split()
    assert words == ["+claim=mine", "plugins=my_parts"]
    fewer = ("claim.runs.seed=range(0,6)", "claim.runs.steps=5", "claim.runs.problem=quadratic")
    said = well(here(tmp_path, "judge", *words, *fewer))
    assert said.startswith("mine: ")
    assert (tmp_path / "results" / "mine" / "claims" / "mine" / "report.html").is_file()


def test_nothing_is_written_over_what_is_there(tmp_path: Path) -> None:
    well(here(tmp_path, "new", "optimizer", "mine"))
    file = tmp_path / "my_parts" / "optimizer" / "mine.py"
    file.unlink()
    kept = (file.with_suffix(".yaml").write_text("mine"), files(tmp_path))
    ended = here(tmp_path, "new", "optimizer", "mine")
    line = "error: my_parts/optimizer/mine.yaml: it is there already; nothing was written\n"
    assert (ended.code, ended.err) == (2, line)
    assert kept[1] == files(tmp_path)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), "new: what is new must be one of optimizer, schedule, problem, claim, got None"),
        (
            ("optimiser", "x"),
            "new: what is new must be one of optimizer, schedule, problem, claim, got 'optimiser'",
        ),
        (("optimizer",), "new: the name of the optimizer must be letters, digits and _, got None"),
        (("schedule", "3x"), "new: the name of the schedule must be letters, digits and _, got '3x'"),
        (("problem", "my-own"), "new: the name of the problem must be letters, digits and _, got 'my-own'"),
        (("problem", "_own"), "new: the name of the problem must be letters, digits and _, got '_own'"),
        (("problem", "class"), "new: the name of the problem must be letters, digits and _, got 'class'"),
        (("problem", "null"), ""),
        (("optimizer", "adam"), "new: optimizer=adam is this project's own; take another name"),
        (("optimizer", "a", "b"), "optimizer a b: one part at a time: new optimizer NAME"),
        (("optimizer", "a", "plugins=file"), "new: plugins=file is a file; name a folder"),
        (("optimizer", "a", "plugins=null"), "new: plugins must be a folder, as plugins=my_parts, got None"),
        (("optimizer", "a", "plugin=b"), "plugin=b: there is no such key; there are kind, name, plugins"),
    ],
)
def test_what_cannot_be_written_is_refused_in_one_line(
    tmp_path: Path, words: tuple[str, ...], line: str
) -> None:
    (tmp_path / "file").write_text("")
    ended = here(tmp_path, "new", *words)
    if not line:  # a word of YAML's is a name like any other
        well(ended)
        return
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert ended.err.startswith(f"error: {line}")
    assert files(tmp_path) == ["file"]


@pytest.mark.parametrize(
    "name", ["state", "optimizer", "hyper", "any", "schedule", "numbers", "loss_problem"]
)
@pytest.mark.parametrize("kind", TEMPLATES)
def test_a_name_may_be_one_that_the_file_uses(tmp_path: Path, kind: str, name: str) -> None:
    write(tmp_path, kind, name)
    with entered(tmp_path):
        assert [place.folder for place in PLACES] == [tmp_path]


def test_python_enters_a_folder_for_good_and_a_broken_one_not_at_all(tmp_path: Path) -> None:
    write(tmp_path / "good", "optimizer", "mine")
    file = write(tmp_path / "bad", "optimizer", "other")
    file.write_text("import no_such_library\n")
    with pytest.raises(PluginError, match="no_such_library"):
        load_plugins(tmp_path / "good", tmp_path / "bad")
    assert "mine" not in OPTIMIZERS
    load_plugins(tmp_path / "good")
    load_plugins(tmp_path / "good")  # once more changes nothing
    try:
        assert OPTIMIZERS["mine"](lr=0.5).lr == 0.5
        assert well(here(tmp_path, "run", "optimizer=mine", "steps=3")).startswith("mine on quadratic")
        assert "mine" in OPTIMIZERS  # a command takes out what it entered, and no more
    finally:
        unload(list(PLACES))
    assert "mine" not in OPTIMIZERS
