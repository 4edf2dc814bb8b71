"""The figure of learning-rate schedules, by its artists."""

from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from drawn import titles
from matplotlib import rc_context
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from experiments import figures
from experiments.figures.drawings import scheduled_rates
from experiments.figures.style import BLUE
from optim.schedules import SCHEDULES

NOTHING = pd.DataFrame({"schedule": [], "step": [], "rate": []})


def rates(steps: int = 50, names: tuple[str, ...] = tuple(SCHEDULES)) -> pd.DataFrame:
    """Return the rates of schedules with a warm-up, as shares of the learning rate."""
    made = {name: SCHEDULES[name](warmup=0.1) for name in names}
    rows = [(name, step, rule.factor(step, steps)) for name, rule in made.items() for step in range(steps)]
    return pd.DataFrame(rows, columns=["schedule", "step", "rate"])


def saved(fig: Figure, kind: str) -> bytes:
    buffer = BytesIO()
    with rc_context({**figures.STYLE, "savefig.dpi": 40}):
        fig.savefig(buffer, format=kind, metadata={"png": {"Software": None}, "svg": {"Date": None}}[kind])
    return buffer.getvalue()


def test_a_panel_per_schedule_with_the_rate_of_every_update() -> None:
    table = rates()
    fig = figures.schedules(table.sample(frac=1, random_state=0), names=list(SCHEDULES))
    assert titles(fig) == list(SCHEDULES)
    for ax in fig.axes:
        (line,) = ax.lines
        part = table[table["schedule"] == ax.get_title()]
        assert line.get_drawstyle() == "steps-post"
        assert to_hex(str(line.get_color())).upper() == BLUE
        np.testing.assert_array_equal(np.asarray(line.get_xydata())[:-1], part[["step", "rate"]])
        assert np.asarray(line.get_xydata())[-1].tolist() == [50, part["rate"].iloc[-1]]  # as long as others
        assert ax.get_xlabel() == "steps"
        assert ax.get_ylim()[0] < 0 < 1 < ax.get_ylim()[1]
    assert [ax.get_ylabel() for ax in fig.axes] == ["rate / lr", "", ""] * 3


def test_what_is_not_registered_comes_last_and_a_high_rate_is_in_view() -> None:
    table = rates(names=("cosine", "step"))
    table["schedule"] = table["schedule"].replace("cosine", "mine")
    table.loc[3, "rate"] = 2.5
    fig = figures.schedules(table, names=list(SCHEDULES))
    assert titles(fig) == ["step", "mine"]
    assert all(ax.get_ylim()[1] > 2.5 for ax in fig.axes)


@pytest.mark.parametrize("table", [NOTHING, rates(1), rates(2, ("cosine",))], ids=["none", "one step", "one"])
def test_degenerate_tables_are_drawn_without_a_warning(table: pd.DataFrame) -> None:
    fig = figures.schedules(table)
    fig.draw_without_rendering()
    said = [text.get_text() for ax in fig.axes for text in ax.texts]
    assert said == (["no schedules"] if table.empty else [])


def test_the_picture_has_a_caption_and_its_numbers() -> None:
    table = rates()
    picture = scheduled_rates(table, list(SCHEDULES))
    assert picture.name == "schedules"
    assert picture.caption == "The learning rate of each update under each schedule, as a share of lr"
    assert picture.frame is table
    assert titles(picture.figure) == list(SCHEDULES)


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_drawing_again_gives_the_same_bytes_a_page_wide(kind: str) -> None:
    first, second = (figures.schedules(rates()) for _ in range(2))
    assert saved(first, kind) == saved(second, kind)
    assert first.get_figwidth() == 6.8
