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
from experiments.figures.drawings import MOST_SCHEDULES, MOST_UPDATES, Study, schedule_figure, scheduled_rates
from experiments.figures.parts import Picture
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


# --- Of a study ---


def study(*settings: tuple[str, dict[str, float]], steps: int = 50, best: slice = slice(1)) -> Study:
    """Return a study with a run of each of these schedules, some of them the best."""
    rows = [
        {"schedule": name, "steps": steps}
        | {f"schedule.{key}": value for key, value in vars(SCHEDULES[name](**numbers)).items()}
        for name, numbers in settings
    ]
    runs = pd.DataFrame(rows)
    return Study(runs, runs[best], pd.DataFrame())


def drawn(study: Study) -> Picture:
    picture = schedule_figure(study)
    assert isinstance(picture, Picture)
    return picture


def test_a_study_without_schedules_says_how_to_make_some() -> None:
    said = schedule_figure(study(("constant", {})))
    assert said == "learning rates under schedules: run schedule=constant,cosine"


def test_a_warm_up_is_a_schedule() -> None:
    assert titles(drawn(study(("constant", {"warmup": 0.1}))).figure) == ["constant"]


def test_schedules_are_named_by_what_varies_in_as_many_digits_as_tell_them_apart() -> None:
    settings = [
        ("step", {"gamma": 0.1234567}),
        ("step", {"gamma": 0.1}),
        ("cosine", {"final": 0.1, "warmup": 0.2}),
        ("cosine", {"final": 0.1 + 1e-7}),
        ("constant", {}),
    ]
    picture = drawn(study(*settings))
    assert titles(picture.figure) == [
        "constant",
        "cosine warmup=0\nfinal=0.1000001",
        "cosine warmup=0.2 final=0.1",
        "step gamma=0.1",
        "step gamma=0.1235",
    ]
    assert picture.frame is not None
    assert picture.frame.groupby("schedule", sort=False)["rate"].max().tolist() == [1] * 5


def test_a_schedule_is_drawn_over_its_longest_run_and_a_long_run_at_some_updates() -> None:
    long, short = (study(("step", {}), steps=steps) for steps in (3_000_000, 30))
    picture = drawn(Study(pd.concat([short.runs, long.runs]), short.best, long.history))
    assert picture.caption.endswith("as a share of lr; over the longest run of each")
    assert picture.frame is not None
    assert len(picture.frame) == MOST_UPDATES
    assert picture.frame["step"].tolist()[:: MOST_UPDATES - 1] == [0, 3_000_000 - 1]
    assert picture.frame["rate"].unique() == pytest.approx([1, 0.1, 0.01])


@pytest.mark.parametrize(
    ("best", "words", "count"), [(3, "those", 3), (15, f"the first {MOST_SCHEDULES}", MOST_SCHEDULES)]
)
def test_of_many_schedules_those_of_the_best_settings_are_drawn(best: int, words: str, count: int) -> None:
    settings = [("cosine", {"final": share}) for share in np.linspace(0, 0.2, 20)]
    picture = drawn(study(*settings, best=slice(best)))
    assert picture.caption.endswith(f"; of 20 schedules, {words} of the best settings are drawn")
    assert len(titles(picture.figure)) == count


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_drawing_again_gives_the_same_bytes_a_page_wide(kind: str) -> None:
    first, second = (figures.schedules(rates()) for _ in range(2))
    assert saved(first, kind) == saved(second, kind)
    assert first.get_figwidth() == 6.8
