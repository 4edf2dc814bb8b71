"""The command that holds a part to the contracts: which are kept and which are broken, from anywhere."""

import sys
from pathlib import Path

import pytest
from command_line import Ended, apart, here
from outside import well, write


def held(folder: Path, *words: str) -> Ended:
    return apart(folder, "contracts", *words)


@pytest.mark.parametrize("group", ["optimizer", "schedule", "problem"])
def test_what_new_writes_keeps_every_contract(tmp_path: Path, group: str) -> None:
    well(here(tmp_path, "new", group, "mine", "plugins=my parts"))
    out = well(held(tmp_path, f"{group}=mine", "plugins=my parts"))
    assert out.splitlines()[-1].startswith(f"{group}=mine keeps all of 2")
    assert [path.name for path in tmp_path.iterdir()] == ["my parts"]


BROKEN = {
    "optimizer": {
        ("velocity = self", "velocity = params.sum() + self"): "a lane alone is that lane in a block",
        ("- self.lr", "+ self.lr"): "the first update goes against the gradient",
        ("return velocity, State(velocity)", "grads *= 2; return velocity, State(velocity)"): (
            "nothing is mutated and the same question has the same answer"
        ),
        ("hyper(0.01", "hyper(0.02"): (
            "the file holds the name every hyperparameter at its default and the search"
        ),
    },
    "schedule": {
        ("* left", "* (1 + left)"): "a factor is finite from 0 to 1 whatever the lane",
        ("final: Hyper = hyper(0.1", "final: Hyper = hyper(0.2"): (
            "the file holds the name every hyperparameter at its default and the search"
        ),
    },
    "problem": {
        ("np.zeros(self.size)", "np.ones(self.size)"): "the gradient vanishes at the minimiser",
        (".sum() / 2", ".sum() / 2 - 1"): "no solver beats the minimum",
        ("constant(5", "constant(6"): "the file holds the name and every constant at its default",
    },
}


@pytest.mark.parametrize("group", BROKEN)
def test_a_broken_contract_is_named(tmp_path: Path, group: str) -> None:
    for number, ((old, new), contract) in enumerate(BROKEN[group].items()):
        file = write(tmp_path / f"{number}", group, "mine")
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new, 1))
        ended = held(tmp_path, f"{group}=mine", f"plugins={number}")
        assert ended.code == 1, ended
        assert f"broken: {contract}\n" in ended.out
        assert f"{group}=mine breaks " in ended.out.splitlines()[-1]


def test_a_part_of_the_project_and_several_kinds_at_once(tmp_path: Path) -> None:
    out = well(held(tmp_path, "optimizer=signsgd", "schedule=constant"))
    lines = [line for line in out.splitlines() if " keeps all of " in line]
    assert [line.split()[0] for line in lines] == ["optimizer=signsgd", "schedule=constant"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), "contracts: of what? name it, as optimizer=NAME, schedule=NAME or problem=NAME"),
        (("optimizer=sgd,adam",), "optimizer=sgd,adam: one at a time; run the command once for each"),
        (("optimizer=torch",), "optimizer=torch: contracts are of this project's rules and of your own"),
    ],
)
def test_what_cannot_be_held_is_refused_in_one_line(
    tmp_path: Path, words: tuple[str, ...], line: str
) -> None:
    ended = here(tmp_path, "contracts.__main__", *words)
    assert (ended.code, ended.err) == (2, f"error: {line}\n")
    assert here(tmp_path, "contracts.__main__", "optimizer=mien").err.startswith(
        "error: optimizer must be one of "
    )


def test_without_pytest_a_line_says_that_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pytest", None)
    ended = here(tmp_path, "contracts.__main__", "optimizer=sgd")
    line = "contracts needs pytest, which is not installed here (pip install pytest)"
    assert (ended.code, ended.err) == (2, f"error: {line}\n")
