"""What is wrong with a folder of parts ends a command in one line that names the file."""

from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import here
from outside import write

from experiments.plugins.state import PLACES
from optim import OPTIMIZERS
from problems import PROBLEMS

KNOWN = set(OPTIMIZERS), set(PROBLEMS)


def said(folder: Path, *words: str, command: str = "run") -> str:
    """Return the one line of a command that was refused, after which everything is as it was."""
    ended = here(folder, command, *words)
    assert (ended.code, ended.out) == (2, ""), ended
    [line] = ended.err.splitlines()
    assert not (folder / "results").exists()
    assert PLACES == []
    assert (set(OPTIMIZERS), set(PROBLEMS)) == KNOWN
    return line.removeprefix("error: ")


def missing_yaml(parts: Path) -> None:
    (parts / "optimizer" / "mine.yaml").unlink()


def missing_python(parts: Path) -> None:
    (parts / "optimizer" / "mine.py").unlink()


def edited(old: str, new: str, file: str = "mine.py") -> Callable[[Path], None]:
    """Return what changes a text in a file of the optimizer."""

    def edit(parts: Path) -> None:
        path = parts / "optimizer" / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))

    return edit


def second_class(parts: Path) -> None:
    file = parts / "optimizer" / "mine.py"
    file.write_text(file.read_text() + '\n\n@register("other")\nclass Other(Mine):\n    """Another."""\n')


def broken_helper(parts: Path) -> None:
    (parts / "optimizer" / "_shared.py").write_text("x = 1\ny = x.nothing\n")
    edited("import numpy", "from ._shared import y\nimport numpy")(parts)


def own_name(parts: Path) -> None:
    write(parts, "optimizer", "adam")


def a_python_suite(parts: Path) -> None:
    (parts / "suite").mkdir()
    (parts / "suite" / "two.py").write_text("")


def mistyped(parts: Path) -> None:
    (parts / "optimizer").rename(parts / "optimizers")


def nothing(parts: Path) -> None:
    (parts / "optimizer").rename(parts / "stuff")


def spaced(parts: Path) -> None:
    (parts / "optimizer" / "my own.py").write_text("")


PYTHON, YAML = "parts/optimizer/mine.py", "parts/optimizer/mine.yaml"
REGISTER = '@register("mine")\n'
FAULTS = {
    missing_yaml: f"{PYTHON}: there is no mine.yaml beside it, with the name and the defaults",
    missing_python: f"{YAML}: there is no mine.py beside it, and no optimizer called mine",
    edited(
        "name: mine", "name: yours", "mine.yaml"
    ): f"{YAML}: its name must be that of the file, mine, got yours",
    edited("name: mine\n", "", "mine.yaml"): f"{YAML}: its name must be that of the file, mine, got none",
    edited(REGISTER, ""): f'{PYTHON}: no optimizer in it is under @register("mine"); it registers none',
    edited(REGISTER, REGISTER.replace("mine", "mien")): (
        f'{PYTHON}: no optimizer in it is under @register("mine"); it registers mien'
    ),
    edited(REGISTER, REGISTER.replace("mine", "adam")): (
        f"{PYTHON} cannot be imported: line 17: ValueError: the optimizer name 'adam' is taken by Adam"
    ),
    edited("lr: 0.01", "lr: [", "mine.yaml"): f"{YAML}: line 5: expected ',' or ']', but got ':'",
    edited("name: mine", "- name: mine\n  x: 1\nname: mine", "mine.yaml"): f"{YAML}: line ",
    second_class: f"{PYTHON}: it registers other; each optimizer has a file of its name, other.py",
    edited("import numpy", "import no_such_library"): (
        f"{PYTHON} cannot be imported: line 6: ModuleNotFoundError: No module named 'no_such_library'"
    ),
    edited(
        "class State", "class class State"
    ): f"{PYTHON} cannot be imported: line 11: SyntaxError: invalid syntax",
    edited(
        "import numpy", "raise SystemExit(3)\nimport numpy"
    ): f"{PYTHON} cannot be imported: line 6: SystemExit: 3",
    broken_helper: (
        "parts/optimizer/_shared.py cannot be imported: line 2: AttributeError: 'int' object has no "
    ),
    own_name: "parts/optimizer/adam.py: optimizer=adam is this project's own; give the file another name",
    a_python_suite: "parts/suite/two.py: suite/ takes YAML files alone",
    mistyped: "plugins: parts/optimizers is no folder of parts; did you mean optimizer?",
    nothing: "plugins: parts has none of optimizer/, schedule/, problem/, suite/, experiment/, contenders/",
    spaced: "parts/optimizer/my own.py: a name is letters, digits and _, as one types it; rename the file",
}


@pytest.mark.parametrize(("spoil", "line"), FAULTS.items(), ids=[f"{n}" for n in range(len(FAULTS))])
def test_a_fault_in_a_folder_is_one_line_with_the_file(
    tmp_path: Path, spoil: Callable[[Path], None], line: str
) -> None:
    write(tmp_path / "parts", "optimizer", "mine")
    spoil(tmp_path / "parts")
    assert said(tmp_path, "optimizer=sgd", "plugins=parts").startswith(line)


@pytest.mark.parametrize("command", ["run", "tune", "report", "check", "reproduce"])
def test_every_command_refuses_a_folder_that_is_not_there(tmp_path: Path, command: str) -> None:
    assert said(tmp_path, "plugins=nowhere", command=command).startswith("plugins: nowhere does not exist; ")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "parts").write_text("")
    assert said(tmp_path, "plugins=parts").startswith("plugins: parts is no folder; ")


def test_two_folders_may_not_have_one_name_nor_may_one_be_given_twice_in_two_words(tmp_path: Path) -> None:
    for name in "ab":
        write(tmp_path / name, "optimizer", "mine")
    line = "b/optimizer/mine.py: optimizer=mine is a/optimizer/mine.py already; give one another name"
    assert said(tmp_path, "plugins=[a,b]") == line
    assert said(tmp_path, "plugins=a,b") == line
    line = "plugins=a plugins=b: plugins is given 2 times; write 'plugins=[a,b]'"
    assert said(tmp_path, "plugins=a", "plugins=b") == line


@pytest.mark.parametrize("word", ["plugins=", "plugins=null", "plugins=[a,'']"])
def test_no_folder_is_refused(tmp_path: Path, word: str) -> None:
    assert "plugins must be a folder, or several as plugins=[a,b]" in said(tmp_path, word)


def test_several_folders_of_any_name_run_together(tmp_path: Path) -> None:
    one, two = tmp_path / "my own, parts", tmp_path / "b=b"
    write(one, "optimizer", "mine")
    write(two, "problem", "bowl")
    words = ("optimizer=mine", "problem=bowl", "steps=5")
    ended = here(tmp_path, "run", *words, f"plugins=['{one}','b=b','{one}']")
    assert ended.code == 0, ended.err
    for word in (f"plugins={two}", f"plugins=[{two}]"):
        assert here(tmp_path, "run", "problem=bowl", "steps=5", word).code == 0


def test_a_yaml_file_alone_gives_a_rule_other_defaults(tmp_path: Path) -> None:
    (tmp_path / "parts" / "optimizer").mkdir(parents=True)
    (tmp_path / "parts" / "optimizer" / "fast.yaml").write_text("name: sgd\nlabel: fast\nlr: 0.5\n")
    ended = here(tmp_path, "run", "optimizer=fast", "plugins=parts", "steps=5")
    assert ended.code == 0, ended.err
    assert ended.out.startswith("sgd:fast on quadratic")
