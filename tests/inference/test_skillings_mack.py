"""The test of Skillings and Mack, against their example, Friedman, Durbin, and all permutations."""

from itertools import permutations, product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import friedmanchisquare

from experiments.inference import skillings_mack

NAN, INF = np.nan, np.inf

# Skillings and Mack (1981), table 1: times of four methods of assembly by nine workers.
ASSEMBLY = pd.DataFrame(
    [
        [3.2, 4.1, 3.8, 4.2],
        [3.1, 3.9, 3.4, 4.0],
        [4.3, 3.5, 4.6, 4.8],
        [3.5, 3.6, 3.9, 4.0],
        [3.6, 4.2, 3.7, 3.9],
        [4.5, 4.7, 3.7, NAN],
        [NAN, 4.2, 3.4, NAN],
        [4.3, 4.6, 4.4, 4.9],
        [3.5, NAN, 3.7, 3.9],
    ],
    columns=["A", "B", "C", "D"],
)


def drawn(seed: int, *shape: int) -> pd.DataFrame:
    return pd.DataFrame(np.random.default_rng(seed).normal(size=shape)).rename(columns=str)


def test_the_example_of_the_paper() -> None:
    found = skillings_mack(ASSEMBLY)
    assert found.statistic == pytest.approx(15.493, abs=5e-4)
    assert (found.instances, found.optimizers, found.degrees) == (9, 4, 3)
    assert found.p_chi_square == pytest.approx(0.00144, abs=5e-6)
    assert found.groups == (("A", "B", "C", "D"),)


@pytest.mark.parametrize("decimals", [8, 0])  # without and with ties
def test_without_holes_it_is_friedmans(decimals: int) -> None:
    table = drawn(1, 8, 4).round(decimals)
    found, theirs = skillings_mack(table), friedmanchisquare(*table.to_numpy().T)
    assert found.statistic == pytest.approx(theirs.statistic)
    assert found.p_chi_square == pytest.approx(theirs.pvalue)
    assert found.p == pytest.approx(theirs.pvalue, abs=0.05)


def test_on_a_balanced_incomplete_design_it_is_durbins() -> None:
    """Conover (1999), section 5.9: 7 treatments, blocks of 3, each treatment thrice, each pair once."""
    blocks = [(0, 1, 3), (1, 2, 4), (2, 3, 5), (3, 4, 6), (4, 5, 0), (5, 6, 1), (6, 0, 2)]
    values = np.random.default_rng(2).normal(size=(7, 3))
    table = pd.DataFrame(NAN, index=range(7), columns=list("abcdefg"))
    for row, (block, numbers) in enumerate(zip(blocks, values, strict=True)):
        table.iloc[row, list(block)] = numbers
    t, k, r = 7, 3, 3
    sums = table.rank(axis=1).sum()
    durbin = 12 * (t - 1) / (r * t * (k - 1) * (k + 1)) * ((sums - r * (k + 1) / 2) ** 2).sum()
    assert skillings_mack(table).statistic == pytest.approx(durbin)


def test_the_p_value_is_that_of_all_permutations() -> None:
    table = pd.DataFrame(
        [[1.0, 2.0, 3.0], [1.0, 2.0, NAN], [NAN, 1.0, 5.0], [2.0, 2.0, 7.0]], columns=list("abc")
    )
    observed = skillings_mack(table, draws=1).statistic
    rows = [row[~np.isnan(row)] for row in table.to_numpy()]
    larger = []
    for orders in product(*(list(permutations(row)) for row in rows)):
        other = table.copy()
        for place, order in enumerate(orders):
            other.iloc[place, np.flatnonzero(table.iloc[place].notna())] = order
        larger.append(skillings_mack(other, draws=1).statistic >= observed - 1e-9)
    error = np.sqrt(np.mean(larger) * (1 - np.mean(larger)) / 9999)
    assert skillings_mack(table).p == pytest.approx(np.mean(larger), abs=4 * error + 1e-4)


def test_under_no_difference_small_p_values_are_as_rare_as_they_say() -> None:
    def p_of(seed: int) -> float:
        table = drawn(seed, 7, 4)
        return skillings_mack(table.mask(drawn(seed + 1000, 7, 4) > 0.8), draws=199).p

    found = np.array([p_of(seed) for seed in range(300)])
    assert 0.01 < (found <= 0.05).mean() < 0.1


def test_infinite_costs_rank_last_and_rows_of_one_say_nothing() -> None:
    table = pd.DataFrame(
        [[1, INF], [2, INF], [3, 9], [NAN, 4], [5, NAN]], columns=["sgd", "adam"], dtype=float
    )
    found = skillings_mack(table)
    assert found.instances == 3
    assert found.statistic == pytest.approx(3.0)
    assert found.p == pytest.approx(0.25, abs=0.02)


def test_optimizers_that_share_no_instance_are_told_apart() -> None:
    table = pd.DataFrame(
        [[1, 2, NAN, NAN], [2, 3, NAN, NAN], [NAN, NAN, 1, 2], [NAN, NAN, 3, 5]],
        columns=list("abcd"),
        dtype=float,
    )
    found = skillings_mack(table)
    assert found.groups == (("a", "b"), ("c", "d"))
    assert found.degrees == 2


def test_ties_everywhere_are_no_difference() -> None:
    found = skillings_mack(pd.DataFrame(1.0, index=range(4), columns=list("abc")))
    assert (found.statistic, found.degrees, found.p, found.p_chi_square) == (0, 0, 1, 1)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (ASSEMBLY.rename_axis(index="seed"), "a row must be a problem instance"),
        (ASSEMBLY.set_axis([0] * 9), "a row must be a problem instance"),
        (ASSEMBLY[["A"]], "nothing to rank"),
    ],
)
def test_seeds_and_too_little_are_refused(table: pd.DataFrame, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        skillings_mack(table)
