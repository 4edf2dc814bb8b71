"""When a study is looked at, and when something may be done again that takes time."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from passing import Passing

from experiments.grid.failures import FAILURES
from experiments.watching.looks import PAUSES, Look, Pace, Pieces, Tempo, looks, pieces_in

EMPTY = Pieces(True, {})
NOWHERE = Pieces(False, {})


def pieces(count: int) -> Pieces:
    return Pieces(True, {f"runs/{number}.parquet": (1, number) for number in range(count)})


def looked(seen: Sequence[Pieces], tempo: Tempo, took: float = 0.0) -> list[tuple[float, Look]]:
    """Return the looks at what is there at one look after another, and when each was; the last stays."""
    clock, waiting = Passing(), list(seen)
    found = []

    def see() -> Pieces:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    for look in looks(see, tempo, clock.clock):
        found.append((clock.now, look))
        clock.now += took
        assert len(found) < 100
    return found


def test_a_study_is_looked_at_until_it_is_quiet_for_as_long_as_is_asked() -> None:
    found = looked([pieces(1), pieces(2), pieces(2), pieces(3)], Tempo(5, until_quiet=12))
    assert [when for when, _ in found] == [0, 5, 10, 15, 20, 25, 27]
    assert [look.grown for _, look in found] == [True, True, False, True, False, False, False]
    assert [look.last for _, look in found] == [False] * 6 + [True]


@pytest.mark.parametrize("nothing", [NOWHERE, EMPTY])
def test_a_study_of_which_there_is_nothing_yet_is_waited_for(nothing: Pieces) -> None:
    found = looked([nothing] * 50 + [pieces(1)], Tempo(5, until_quiet=1))
    assert [when for when, _ in found] == [*range(0, 255, 5), 251]
    assert [look.grown for _, look in found if look.grown] == [True, True]


def test_one_look_is_the_last() -> None:
    [(when, look)] = looked([NOWHERE], Tempo(5, once=True))
    assert (when, look.grown, look.last) == (0, True, True)


def test_what_takes_longer_than_the_quiet_ends_at_a_look_that_found_nothing_new() -> None:
    found = looked([pieces(1), pieces(2), pieces(2)], Tempo(5, until_quiet=3), took=60)
    assert [(when, look.last) for when, look in found] == [(0, False), (60, False), (120, True)]


def test_a_changed_or_a_lost_piece_is_news() -> None:
    changed = Pieces(True, {"runs/0.parquet": (1, 7)})
    found = looked([pieces(1), changed, NOWHERE, pieces(1)], Tempo(5, until_quiet=5))
    assert [look.grown for _, look in found] == [True, True, True, True, False]


def test_pieces_are_listed_and_no_temporary_file_is(tmp_path: Path) -> None:
    assert pieces_in(tmp_path / "none") == NOWHERE
    assert pieces_in(tmp_path) == EMPTY
    for name in ("runs/a.parquet", "runs/.b.tmp", "history/c.parquet", "selections/d.parquet", FAILURES):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("not read")
    found = pieces_in(tmp_path)
    assert set(found.stamps) == {"runs/a.parquet", "selections/d.parquet", FAILURES}
    assert found.newest == pytest.approx(max((tmp_path / name).stat().st_mtime for name in found.stamps))


def test_a_file_in_the_place_of_a_folder_is_no_piece(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    assert pieces_in(tmp_path) == EMPTY


def test_what_takes_time_rests_for_a_multiple_of_it() -> None:
    clock = Passing()
    pace = Pace(clock.clock)
    assert pace.is_due()
    with pace.timed():
        clock.now += 10
    assert not pace.is_due()
    clock.now += PAUSES * 10 - 1
    assert not pace.is_due()
    clock.now += 1
    assert pace.is_due()
