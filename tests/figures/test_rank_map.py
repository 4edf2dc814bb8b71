"""The map of ranks shows each rank in its place, the best on average on top."""

import pandas as pd

from experiments import figures

RANKS = {
    ("sgd", "a", "constant"): 2,
    ("sgd", "b", "constant"): 2,
    ("adam", "a", "constant"): 1,
    ("adam", "b", "constant"): 3,
    ("adam:amsgrad", "a", "constant"): 3,
    ("adam:amsgrad", "b", "constant"): 1,
    ("sgd", "a", "cosine"): 1,
    ("adam", "a", "cosine"): 2.5,
    ("adam:amsgrad", "a", "cosine"): 2.5,
}


def test_each_rank_is_in_its_place() -> None:
    table = pd.DataFrame(
        [(*key, rank) for key, rank in RANKS.items()], columns=["optimizer", "problem", "schedule", "rank"]
    )
    constant, cosine = figures.rank_map(table).axes
    assert [ax.get_title() for ax in (constant, cosine)] == ["constant", "cosine"]
    names = [label.get_text() for label in constant.get_yticklabels()]
    assert names == ["sgd  1.7", "adam  2.2", "adam:amsgrad  2.2"]
    assert [label.get_text() for label in constant.get_xticklabels()] == ["a", "b"]
    assert [text.get_text() for text in constant.texts] == ["2", "2", "1", "3", "3", "1"]
    assert [text.get_text() for text in cosine.texts] == ["1", "2.5", "2.5"]
