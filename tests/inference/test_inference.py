"""Statistical inference, against SciPy, scikit-posthocs, statsmodels and the papers' own examples."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap, friedmanchisquare, mannwhitneyu, norm, rankdata, wilcoxon

from experiments import inference
from experiments.inference.nemenyi import cliques

NAN, INF = np.nan, np.inf

# Demšar (2006), table 6: AUC of C4.5 with and without tuning of m and cf on 14 data sets. The paper
# ranks `voting` by digits that it does not print; here they are 0.0001.
DEMSAR = pd.DataFrame(
    [
        [0.763, 0.768, 0.771, 0.798],
        [0.599, 0.591, 0.590, 0.569],
        [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657],
        [0.882, 0.888, 0.886, 0.898],
        [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685],
        [0.583, 0.583, 0.563, 0.625],
        [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000],
        [0.940, 0.962, 0.965, 0.962],
        [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975],
        [0.957, 0.978, 0.946, 0.970],
    ],
    columns=["C4.5", "m", "cf", "m+cf"],
)
COSTS = 1 - DEMSAR


def drawn(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def with_ties(seed: int, size: int) -> np.ndarray:
    """Return differences among which there are ties and zeros."""
    return np.random.default_rng(seed).integers(-4, 6, size).astype(float)


class TestPairedBootstrap:
    def test_is_the_bca_interval_of_scipy(self):
        sample = np.exp(drawn(0, 30))
        found = inference.paired_bootstrap(sample, seed=3)
        rng = np.random.default_rng(3)
        theirs = bootstrap((sample,), np.mean, n_resamples=2000, method="BCa", rng=rng).confidence_interval
        assert (found.value, found.low, found.high) == (sample.mean(), theirs.low, theirs.high)
        assert (found.method, found.note, found.pairs, found.confidence) == ("BCa", "", 30, 0.95)

    def test_is_skewed_where_the_data_are(self):
        sample = np.exp(2 * drawn(0, 40))
        bca = inference.paired_bootstrap(sample)
        plain = bootstrap(
            (sample,), np.mean, n_resamples=2000, method="percentile", rng=np.random.default_rng(0)
        )
        assert bca.high - bca.value > bca.value - bca.low
        assert bca.high > plain.confidence_interval.high

    def test_covers_the_truth(self):
        samples = drawn(1, 200, 20)
        covered = [not inference.paired_bootstrap(sample, draws=300).excludes(0) for sample in samples]
        assert 0.87 <= np.mean(covered) <= 0.98

    def test_draws_pairs_not_columns(self):
        """What the pairs share cancels: common random numbers."""
        shared = 100 * drawn(0, 20)
        found = inference.paired_bootstrap(shared + 1, shared + drawn(1, 20) / 100)
        assert found.value == pytest.approx(1, abs=0.02)
        assert found.high - found.low < 0.02

    def test_a_ratio_is_the_geometric_mean(self):
        a, b = np.exp(drawn(0, 15)), np.exp(drawn(1, 15))
        ratio = inference.paired_bootstrap(a, b, of="ratio")
        logs = inference.paired_bootstrap(np.log(a / b))
        assert ratio.value == pytest.approx(np.exp(np.log(a / b).mean()))
        assert (ratio.low, ratio.high) == pytest.approx((np.exp(logs.low), np.exp(logs.high)))
        assert inference.paired_bootstrap(a / b, of="ratio").low == pytest.approx(ratio.low)

    @pytest.mark.parametrize(
        ("sample", "interval", "words"),
        [
            ([2.0] * 5, (2, 2), "all pairs are equal"),
            ([1.0, 2.0, INF], (1, INF), "some pairs are infinite"),
        ],
    )
    def test_falls_back_on_percentiles_and_says_so(self, sample, interval, words):
        found = inference.paired_bootstrap(sample, statistic=np.median)
        assert found.method == "percentile"
        assert words in found.note
        assert (found.low, found.high) == interval

    def test_one_pair_has_no_interval(self):
        found = inference.paired_bootstrap([2.0])
        assert (found.value, found.method) == (2, "none")
        assert np.isnan([found.low, found.high]).all()
        assert not found.excludes(0)

    def test_infinite_both_ways_has_no_mean_but_a_median(self):
        sample = [INF, -INF, *drawn(0, 18)]
        assert np.isnan(inference.paired_bootstrap(sample).value)
        median = inference.paired_bootstrap(sample, statistic=np.median)
        assert np.isfinite([median.value, median.low, median.high]).all()

    def test_both_infinite_is_a_tie(self):
        assert list(inference.paired_differences([INF, 1.0], [INF, INF])) == [0, -INF]
        assert list(inference.paired_differences([INF, 0.0, 2.0], [INF, 0.0, 1.0], of="ratio")) == [
            *(0, 0, np.log(2))
        ]

    @pytest.mark.parametrize(
        ("a", "b", "of", "words"),
        [
            ([1.0], [1.0, 2.0], "difference", "arrays of one length, got 1 and 2"),
            ([NAN], [1.0], "difference", "a run that failed is infinite, not NaN"),
            ([], [], "difference", "a list of one number or more"),
            ([-1.0], [1.0], "ratio", "ratios need numbers from 0 on"),
            ([1.0], [1.0], "product", "of must be difference or ratio"),
        ],
    )
    def test_what_are_no_pairs_is_refused(self, a, b, of, words):
        with pytest.raises(ValueError, match=words):
            inference.paired_bootstrap(a, b, of=of)

    def test_reads_as_a_claim_does(self):
        assert str(inference.Estimate(1.234, 0.5, 2.0, 0.95, "BCa", 9)) == "1.23 [0.5, 2]"


class TestSignedRank:
    def test_is_the_example_of_demsar(self):
        """Table 2 of the paper: R+ = 93, R- = 12, so T = 12."""
        found = inference.signed_rank((DEMSAR["m"] - DEMSAR["C4.5"]).round(3))
        assert found.statistic == 12
        assert (found.above, found.below, found.ties) == (10, 2, 2)
        assert found.p < 0.05

    @pytest.mark.parametrize("size", [1, 5, 20, 50, 51, 200])
    def test_is_that_of_scipy_without_ties(self, size):
        sample = drawn(size, size) + 0.2
        theirs = wilcoxon(sample)
        found = inference.signed_rank(sample)
        assert (found.statistic, found.p) == pytest.approx((theirs.statistic, theirs.pvalue))

    @pytest.mark.parametrize("seed", range(6))
    @pytest.mark.parametrize("size", [3, 7, 9])
    def test_is_the_enumeration_of_scipy_with_ties(self, seed, size):
        sample = with_ties(seed, size)
        theirs = wilcoxon(sample, zero_method="zsplit")
        found = inference.signed_rank(sample)
        assert (found.statistic, found.p) == pytest.approx((theirs.statistic, theirs.pvalue))

    def test_with_ties_is_close_to_the_normal_approximation(self):
        sample = with_ties(0, 50)
        theirs = wilcoxon(sample, zero_method="zsplit", method="asymptotic").pvalue
        assert inference.signed_rank(sample).p == pytest.approx(theirs, rel=0.05)

    def test_many_pairs_with_zeros_are_those_of_scipy(self):
        sample = with_ties(0, 80)
        theirs = wilcoxon(sample, zero_method="zsplit")
        found = inference.signed_rank(sample)
        assert found.ties > 0
        assert (found.statistic, found.p) == pytest.approx((theirs.statistic, theirs.pvalue))

    def test_infinite_differences_rank_highest(self):
        found = inference.signed_rank([INF, 1.0, 2.0, -3.0, INF])
        same = inference.signed_rank([9.0, 1.0, 2.0, -3.0, 9.0])
        assert found == same

    def test_no_difference_is_no_evidence(self):
        assert inference.signed_rank([0.0] * 5).p == 1
        assert inference.signed_rank([0.0] * 60).p == 1


class TestHolm:
    def test_by_hand(self):
        """Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04 -> 0.06."""
        assert inference.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])

    def test_never_above_one(self):
        assert inference.holm([0.9, 0.8, 0.9]) == [1, 1, 1]

    def test_is_that_of_statsmodels(self):
        multitest = pytest.importorskip("statsmodels.stats.multitest")
        p_values = np.random.default_rng(0).uniform(size=20) ** 3
        theirs = multitest.multipletests(p_values, method="holm")[1]
        np.testing.assert_allclose(inference.holm(p_values), theirs)

    def test_adjusts_over_the_comparisons(self):
        comparisons = {name: drawn(shift, 12) + shift for shift, name in enumerate("abc")}
        found = inference.wilcoxon_holm(comparisons)
        assert list(found) == ["a", "b", "c"]
        tests = list(found.values())
        assert [test.p_holm for test in tests] == inference.holm([test.p for test in tests])
        assert [test.significant for test in tests] == [test.p_holm <= 0.05 for test in tests]
        assert found["c"].p_holm == pytest.approx(3 * found["c"].p)


class TestFriedman:
    def test_is_the_example_of_demsar(self):
        """Ranks 3.143, 2.000, 2.893, 1.964; chi2 = 9.28 without the correction for ties; F = 3.69."""
        found = inference.friedman(COSTS)
        assert {name: round(rank, 3) for name, rank in found.mean_ranks.items()} == {
            **{"m+cf": 1.964, "m": 2.0, "cf": 2.893, "C4.5": 3.143}
        }
        assert list(found.mean_ranks) == ["m+cf", "m", "cf", "C4.5"]
        sizes = [np.unique(row, return_counts=True)[1] for row in COSTS.rank(axis=1).to_numpy()]
        correction = 1 - sum((t**3 - t).sum() for t in sizes) / (14 * 4 * (4**2 - 1))
        plain = found.chi_square * correction
        assert plain == pytest.approx(9.28, abs=0.005)
        assert 13 * plain / (14 * 3 - plain) == pytest.approx(3.69, abs=0.005)
        assert found.degrees == (3, 39)
        assert found.p < 0.05

    def test_f_is_that_of_an_analysis_of_variance_of_the_ranks(self):
        ranks = np.apply_along_axis(rankdata, 1, COSTS.to_numpy())
        rows, columns = ranks.mean(axis=1, keepdims=True), ranks.mean(axis=0)
        between = 14 * ((columns - 2.5) ** 2).sum() / 3
        within = ((ranks - rows - columns + 2.5) ** 2).sum() / 39
        assert inference.friedman(COSTS).f == pytest.approx(between / within)

    def test_chi_square_is_that_of_scipy(self):
        table = pd.DataFrame(drawn(0, 9, 4), columns=list("abcd"))
        theirs = friedmanchisquare(*table.to_numpy().T)
        found = inference.friedman(table)
        assert (found.chi_square, found.p_chi_square) == pytest.approx((theirs.statistic, theirs.pvalue))

    def test_holds_its_level(self):
        tables = drawn(0, 300, 10, 4)
        p_values = [inference.friedman(pd.DataFrame(table)).p for table in tables]
        assert 0.03 <= np.mean(np.array(p_values) <= 0.05) <= 0.075

    def test_infinite_costs_are_last_and_tie(self):
        table = pd.DataFrame({"a": [1.0, 1.0], "b": [INF, 2.0], "c": [INF, INF]})
        assert inference.friedman(table).mean_ranks == {"a": 1, "b": 2.25, "c": 2.75}

    def test_unanimity_is_certain_and_all_alike_is_nothing(self):
        alike = pd.DataFrame({"a": [1.0] * 5, "b": [2.0] * 5, "c": [3.0] * 5})
        assert (inference.friedman(alike).f, inference.friedman(alike).p) == (INF, pytest.approx(6**-4.0))
        tied = inference.friedman(alike * 0)
        assert (tied.chi_square, tied.f, tied.p) == (0, 0, 1)

    @pytest.mark.parametrize(
        ("table", "words"),
        [
            (COSTS[["m", "cf"]], "3 optimizers and 2 instances, got 2 and 14"),
            (COSTS[:1], "3 optimizers and 2 instances, got 4 and 1"),
            (COSTS.rename_axis(index="seed"), "a row must be a problem instance"),
            (COSTS.set_axis([0] * 14), "a row must be a problem instance"),
            (COSTS.assign(seed=1), "a row must be a problem instance"),
            (COSTS.mask(COSTS == 0), "a cost is missing"),
        ],
    )
    def test_seeds_gaps_and_too_little_are_refused(self, table, words):
        with pytest.raises(ValueError, match=words):
            inference.friedman(table)


class TestNemenyi:
    @pytest.mark.parametrize(
        ("optimizers", "quantile"),
        [
            (2, 1.960),
            (3, 2.343),
            (4, 2.569),
            (5, 2.728),
            (6, 2.850),
            (7, 2.949),
            (8, 3.031),
            (9, 3.102),
            (10, 3.164),
        ],
    )
    def test_critical_values_are_those_of_the_table(self, optimizers, quantile):
        """Demšar (2006), table 5 (a), at 0.05."""
        found = inference.nemenyi(pd.DataFrame(drawn(0, 6, optimizers)))
        q = found.difference / np.sqrt(optimizers * (optimizers + 1) / 36)
        assert q == pytest.approx(quantile, abs=0.001)

    def test_is_the_example_of_demsar(self):
        """CD = 1.25 at 0.05; at 0.10, 1.12: C4.5 differs from m and from m+cf."""
        assert inference.nemenyi(COSTS).difference == pytest.approx(1.25, abs=0.005)
        found = inference.nemenyi(COSTS, alpha=0.1)
        assert found.difference == pytest.approx(1.12, abs=0.005)
        assert found.differ("C4.5", "m")
        assert found.differ("m+cf", "C4.5")
        assert not found.differ("cf", "m")
        assert found.cliques == (("m+cf", "m", "cf"), ("cf", "C4.5"))

    def test_p_values_are_those_of_scikit_posthocs(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it imports
            posthocs = pytest.importorskip("scikit_posthocs")
        table = pd.DataFrame(drawn(0, 8, 5), columns=list("abcde"))
        found = inference.nemenyi(table).p_values
        theirs = posthocs.posthoc_nemenyi_friedman(table)
        np.testing.assert_allclose(found.loc[list("abcde"), list("abcde")], theirs, atol=1e-9)

    def test_a_difference_and_its_p_value_say_the_same(self):
        found = inference.nemenyi(pd.DataFrame(drawn(3, 30, 5) + np.arange(5) / 3, columns=list("abcde")))
        differ = [[found.differ(a, b) for b in found.p_values] for a in found.p_values]
        assert np.array_equal(differ, found.p_values <= 0.05)
        assert 0 < np.sum(differ) < 20

    @pytest.mark.parametrize(
        ("ranks", "expected"),
        [
            ([1.0, 2.0, 3.0], ()),
            ([1.0, 1.5, 2.0], ("ab", "bc")),
            ([1.0, 1.2, 1.4], ("abc",)),
            ([1.0, 1.5, 3.0, 3.2], ("ab", "cd")),
            ([1.0, 1.1, 1.9, 2.05], ("abc", "bcd")),
            ([1.0, 1.0], ("ab",)),
        ],
    )
    def test_cliques_are_the_largest_groups(self, ranks, expected):
        named = dict(zip("abcd", ranks, strict=False))
        assert tuple("".join(group) for group in cliques(named, 1.0)) == expected


class TestInstancesNeeded:
    def test_as_many_as_found_them_apart_with_that_power(self):
        table = inference.instances_needed(inference.nemenyi(COSTS)).set_index(["first", "second"])
        row = table.loc[("m+cf", "C4.5")]
        wanted = (2.569 + 0.8416) ** 2 * 4 * 5 / 6 / row["rank_difference"] ** 2
        assert row["needed"] == np.ceil(wanted) == 28
        assert not row["enough"]
        assert len(table) == 6

    def test_that_many_do_find_them_in_a_simulation(self):
        """Two alike and two a normal shift behind, at the number that is said to be needed."""
        shift = np.array([0.0, 0.0, 0.7, 0.7])
        ranks = (drawn(0, 4000, 4) + shift).argsort(axis=1).argsort(axis=1) + 1
        apart = ranks.mean(axis=0)[2] - ranks.mean(axis=0)[0]
        needed = int(np.ceil((2.569 + 0.8416) ** 2 * 20 / 6 / apart**2))
        critical = 2.569 * np.sqrt(20 / 6 / needed)
        means = (drawn(1, 400, needed, 4) + shift).argsort(axis=2).argsort(axis=2).mean(axis=1)
        assert 0.72 <= np.mean(means[:, 2] - means[:, 0] >= critical) <= 0.9

    def test_equal_ranks_need_infinitely_many(self):
        table = pd.DataFrame({"a": [1.0, 2.0], "b": [2.0, 1.0], "c": [3.0, 3.0]})
        needed = inference.instances_needed(inference.nemenyi(table)).set_index(["first", "second"])
        assert needed.loc[("a", "b"), "needed"] == INF


class TestSuperiority:
    def test_counts_pairs_ties_as_half(self):
        found = inference.probability_of_superiority([1, 2, 3, INF], [2, 2, 1, INF])
        assert found.value == (1 + 0.5 + 0 + 0.5) / 4
        assert found.method == "BCa"
        assert found.low <= found.value <= found.high

    @pytest.mark.parametrize(("a", "b", "value"), [([1.0] * 20, [2.0] * 20, 1), ([3.0] * 20, [2.0] * 20, 0)])
    @pytest.mark.parametrize("measure", [inference.probability_of_superiority, inference.vargha_delaney])
    def test_unanimous_pairs_are_not_certainty(self, a, b, value, measure):
        """Clopper and Pearson: of n successes in n, the lower end is (alpha / 2)^(1 / n)."""
        found = measure(a, b)
        assert (found.value, found.method) == (value, "Clopper-Pearson")
        low = 0.025 ** (1 / 20)
        assert (found.low, found.high) == pytest.approx((low, 1) if value else (0, 1 - low))

    def test_a_hat_is_mann_whitney_over_all_comparisons(self):
        a, b = with_ties(0, 25), with_ties(1, 25)
        u = mannwhitneyu(b, a).statistic  # comparisons in which b is above a
        assert inference.vargha_delaney(a, b).value == pytest.approx(u / 25**2)

    def test_a_hat_by_hand(self):
        """1 is below 2 and 4, 3 below 4, 5 below none; 2 against 2 is a tie."""
        assert inference.vargha_delaney([1, 3, 5, 2], [2, 4, 2, 0]).value == (3 + 1 + 0 + 2) / 16

    def test_shared_seeds_count_once(self):
        """Where the seed decides nearly all, who wins on a shared seed is clear, on any seed not."""
        shared = 10 * drawn(0, 40)
        a, b = shared, shared + 0.5 + drawn(1, 40) / 10
        assert inference.probability_of_superiority(a, b).value > 0.95
        any_seed = inference.vargha_delaney(a, b)
        assert any_seed.value == pytest.approx(0.5, abs=0.1)
        assert any_seed.high - any_seed.low < 0.1  # paired: far less than two independent samples give


class TestPower:
    @pytest.mark.parametrize(
        ("effect", "alpha", "power", "needed"),
        [
            (0.7, 0.05, 0.8, 66),
            (0.3, 0.05, 0.8, 66),
            (0.7, 0.05, 0.9, 88),
            (1.0, 0.05, 0.8, 11),
            (0.5, 0.05, 0.8, INF),
        ],
    )
    def test_is_the_formula_of_noether(self, effect, alpha, power, needed):
        assert inference.pairs_needed(effect, alpha=alpha, power=power) == needed

    def test_never_fewer_than_the_exact_test_takes(self):
        assert inference.pairs_needed(1.0, alpha=0.05, power=0.1) == 6
        assert inference.signed_rank(np.arange(1.0, 7)).p <= 0.05 < inference.signed_rank(np.arange(1.0, 6)).p

    @pytest.mark.parametrize(("shift", "power"), [(0.3, 0.8), (0.4, 0.8), (0.7, 0.88)])
    def test_that_many_pairs_do_find_it_in_a_simulation(self, shift, power):
        """And more than find it where the effect is large: the approximation is cautious there."""
        effect = float(norm.cdf(np.sqrt(2) * shift))  # P(two normal differences sum to a positive)
        needed = int(inference.pairs_needed(effect))
        samples = drawn(0, 1500, needed) + shift
        assert np.mean(wilcoxon(samples, axis=1).pvalue <= 0.05) == pytest.approx(power, abs=0.04)

    def test_the_effect_is_the_share_of_sums_of_two(self):
        sample = drawn(0, 12)
        sums = [sample[i] + sample[j] for i in range(12) for j in range(i)]
        assert inference.power_of(sample).effect == pytest.approx(np.mean(np.array(sums) < 0))
        assert inference.power_of([INF, -INF]).effect == 0.5
        assert inference.power_of([-1.0]).effect == 1

    def test_the_power_of_a_sample_is_that_for_its_size(self):
        sample = drawn(0, 66)
        found = inference.power_of(sample, effect=0.7)
        assert found.power == pytest.approx(0.8, abs=0.005)
        assert (found.needed, found.pairs, found.alpha, found.wanted) == (66, 66, 0.05, 0.8)

    def test_an_effect_out_of_range_is_refused(self):
        with pytest.raises(ValueError, match=r"effect must be in \[0, 1\], got 2"):
            inference.pairs_needed(2)


class TestEnough:
    def test_says_that_it_is_decided(self):
        assert (
            inference.enough(-np.arange(1.0, 11))
            == "10 instances decide it (Wilcoxon signed-rank, p = 0.002)."
        )

    def test_says_how_many_would_do(self):
        words = inference.enough([-1.0, -2.0, 3.0, -4.0], unit="seed")
        needed = inference.power_of([-1.0, -2.0, 3.0, -4.0]).needed
        assert words.startswith(
            "4 seeds are too few to decide (Wilcoxon signed-rank, p = 0.62): to find a difference"
        )
        assert words.endswith(f"takes about {needed:.0f}.")

    def test_says_that_no_number_would(self):
        assert "no number of them would" in inference.enough([1.0, -1.0])

    def test_says_what_a_study_without_a_finding_means(self):
        words = inference.enough([1.0, -1.0] * 40, effect=0.7)
        assert words.startswith("80 instances show no difference")
        assert "66 would have been enough to find an effect of 0.7" in words


def test_results_make_a_table():
    found = inference.wilcoxon_holm({"a": [1.0, 2.0], "b": [0.0, 1.0]})
    table = inference.as_table(found)
    assert list(table["comparison"]) == ["a", "b"]
    assert list(table.columns[1:]) == [
        *("pairs", "below", "above", "ties", "statistic", "p", "p_holm", "significant")
    ]
    assert table.loc[1, "ties"] == 1
