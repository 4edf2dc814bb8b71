"""Each file of a report is there whole, old or new, whatever happens while it is written."""

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from command_line import files
from matplotlib.figure import Figure

from experiments.figures.parts import Picture, Table
from experiments.reports.html import Fold, write_folds
from experiments.reports.latex import set_sections, write_latex
from experiments.reports.page import save_figure, write_text, written
from experiments.reports.sources import write_index
from experiments.store.parquet import CannotWrite


def page(folder: Path, said: str) -> None:
    write_folds(folder, "a study", [Fold("", said)])


def text(folder: Path, said: str) -> None:
    write_text(folder, [said])


def table(folder: Path, said: str) -> None:
    written(folder, Table("best", "The best", pd.DataFrame({"said": [said]})))


def figure(folder: Path, said: str) -> None:
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    drawn = Figure()
    drawn.text(0, 0, said)
    save_figure(drawn, folder / "figures" / "curves")


def latex(folder: Path, said: str) -> None:
    drawn = Figure()
    drawn.text(0, 0, said)
    parts = [Picture("curves", "Curves", drawn), Table("best", "The best", pd.DataFrame({"said": [said]}))]
    write_latex(folder, "a study", set_sections(folder, parts), said, "report")


def index(folder: Path, said: str) -> None:
    write_index(folder, [pd.DataFrame({"table": [said]})])


@pytest.mark.parametrize("write", [page, text, table, figure, latex, index])
def test_what_cannot_be_written_leaves_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, str], None]
) -> None:
    write(tmp_path, "old")
    before = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    assert before

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        with pytest.raises(CannotWrite, match="No space left on device"):
            write(tmp_path, "new")
    assert {name: (tmp_path / name).read_bytes() for name in files(tmp_path)} == before
    write(tmp_path, "new")
    after = {name: (tmp_path / name).read_bytes() for name in files(tmp_path)}
    assert after.keys() == before.keys()
    assert after != before
