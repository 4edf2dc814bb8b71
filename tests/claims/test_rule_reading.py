"""What a file may say of a claim, and the one line for what it may not."""

import re
from typing import Any

import pytest
import yaml
from command_line import ROOT
from rules import ADAM_FASTER, rule

from experiments.claims.rules import predicate, read
from experiments.claims.rules.reading import RULE_KEYS
from experiments.claims.rules.rule import Condition, Quantity

STATED = {"statement": "So it is.", "rule": ADAM_FASTER}


@pytest.mark.parametrize(
    ("measure", "quantity"),
    [
        ("steps to 1e-3", Quantity("hit_1e-3", "hit_1e-3", False, True, 1.0)),
        ("steps to 0.001", Quantity("hit_1e-3", "hit_1e-3", False, True, 1.0)),
        ("hit_1e-3", Quantity("hit_1e-3", "hit_1e-3", False, True, 1.0)),
        ("loss", Quantity("loss", "loss", False, False, 0.0)),
        ("suboptimality", Quantity("suboptimality", "suboptimality", False, True, 1.0)),
        ("accuracy", Quantity("accuracy", "accuracy", True, False, 0.0)),
        ("area", Quantity("area", "suboptimality", False, False, 0.0)),
        ("area of loss", Quantity("area", "loss", False, False, 0.0)),
        ("robustness", Quantity("robustness", "suboptimality", True, False, 0.0)),
        ("divergence", Quantity("divergence", "divergence", False, False, 0.0)),
    ],
)
def test_a_measure_is_read_as_one_says_it(measure: str, quantity: Quantity) -> None:
    assert rule(measure=measure).measures == (quantity,)


def test_a_factor_makes_a_ratio_and_a_margin_a_difference() -> None:
    assert (rule(factor=1.5).measures[0].ratio, rule(factor=1.5).measures[0].least) == (True, 1.5)
    [steps] = rule(ADAM_FASTER, margin=10).measures
    assert (steps.ratio, steps.least) == (False, 10.0)


def test_values_may_be_written_as_sweeps() -> None:
    found = rule(where={"seed": "range(0,3)", "optimizer.lr": "logspace:0.1:10:3", "problem": ["a", "b"]})
    assert dict(found.where) == {"seed": (0, 1, 2), "optimizer.lr": (0.1, 1.0, 10.0), "problem": ("a", "b")}
    assert rule(choose_on="range(20,23)").choose_on == (20, 21, 22)


def test_yamls_no_is_the_word() -> None:
    assert rule(paired=False).paired == "no"


def test_the_runs_are_words_of_the_run_command() -> None:
    runs = {"suite": "functions", "optimizer": ["sgd", "adam"], "optimizer.lr": 1e-3, "problem.rotate": True}
    runs |= {"tune.budgets": [1, 4]}
    stated = read({**STATED, "runs": runs}, "mine")
    words = (
        "+suite=functions",
        "optimizer=sgd,adam",
        "optimizer.lr=0.001",
        "problem.rotate=true",
        "tune.budgets=[1,4]",
    )
    assert (stated.runs, stated.study, stated.axes) == (words, "mine", ())
    assert read({**STATED, "study": "other"}, "mine", "third").study == "other"
    assert read(STATED, "mine", "third").study == "third"


BAD: list[tuple[dict[str, Any], str]] = [
    ({"statment": "x"}, "claim.statment: there is no such key; near it is statement"),
    ({"statement": ""}, "claim.statement must say what is claimed"),
    ({"runs": ["sgd"]}, "claim.runs must be keys of the run command"),
    ({"runs": {"study": "x"}}, "claim.runs.study is not for here; write claim.study"),
    ({"runs": {"optimizer": {"name": "sgd"}}}, "claim.runs.optimizer must be a value, a list of them"),
    ({"map": ["steps"]}, "claim.map must be a list of two axes"),
    ({"map": ["steps", "steps"]}, "claim.map must be a list of two axes"),
    ({"rule": None}, "claim.rule must be keys and values"),
]

BAD_RULES: list[tuple[dict[str, Any], str]] = [
    ({"mesure": "loss"}, "claim.rule.mesure: there is no such key; near it are measure"),
    ({"measure": None}, "claim.rule.measure is missing; a rule needs compare, better and measure"),
    ({"measure": "acuracy"}, "claim.rule.measure=acuracy: there is no such measure; near it are accuracy"),
    ({"measure": "steps to hell"}, "a target is a number, as steps to 1e-3"),
    ({"measure": "area of hell"}, "claim.rule.measure=hell: there is no such measure"),
    ({"better": ["adam"]}, "claim.rule.better must be one value"),
    ({"than": "adam"}, "claim.rule.than=adam: that is what better names"),
    ({"factor": 0.5}, r"claim.rule.factor must be a number in \[1, inf\), got 0.5"),
    ({"factor": 2, "margin": 1}, "claim.rule.factor and claim.rule.margin: one of them"),
    ({"factor": 2, "measure": "area"}, "claim.rule.factor: area is compared by differences; write margin"),
    ({"margin": -1}, r"claim.rule.margin must be a number in \[0, inf\), got -1"),
    ({"confidence": 95}, r"claim.rule.confidence must be a number in \(0.5, 1\), got 95"),
    ({"confidence": True}, "claim.rule.confidence must be a number"),
    ({"average": "mode"}, "claim.rule.average must be one of median, mean, got 'mode'"),
    ({"paired": "seeds"}, "claim.rule.paired must be one of seed, instance, no, got 'seeds'"),
    ({"settings": ["tuned", "best"]}, "claim.rule.settings must be one of tuned, default, all, got 'best'"),
    (
        {"reproduced": "some"},
        "claim.rule.reproduced must be one of all, most, any, overall, never, or a share",
    ),
    ({"partly": 1.5}, r"claim.rule.partly must be one of .* or a share in \(0, 1\], got 1.5"),
    ({"adjusted": "yes"}, "claim.rule.adjusted must be true or false, got 'yes'"),
    ({"budget": 0}, r"claim.rule.budget must be an integer in \[1, inf\), got 0"),
    ({"where": ["adam"]}, "claim.rule.where must be columns and their values"),
    ({"where": {"seed": {"a": 1}}}, "claim.rule.where.seed must be a value or a list of them"),
    ({"choose_on": -1}, r"claim.rule.choose_on must be an integer in \[0"),
]


@pytest.mark.parametrize(("more", "said"), BAD)
def test_what_cannot_be_is_refused_in_a_line(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read({**STATED, **more}, "mine")


@pytest.mark.parametrize(("more", "said"), BAD_RULES)
def test_what_cannot_be_of_a_rule_is_refused_in_a_line(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        read(
            {"statement": "x", "rule": {k: v for k, v in {**ADAM_FASTER, **more}.items() if v is not None}},
            "x",
        )
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("given", [None, "a text", ["a", "list"]])
def test_a_claim_is_keys_and_values(given: object) -> None:
    with pytest.raises(ValueError, match="claim must be keys and values"):
        read(given, "mine")


def test_a_condition_is_met_by_enough() -> None:
    assert [Condition(word).met(2, 4, False) for word in ("all", "most", "any", "overall", "never")] == [
        False,
        False,
        True,
        False,
        False,
    ]
    assert Condition("0.5", 0.5).met(2, 4, False)
    assert not Condition("0.5", 0.5).met(0, 0, True)
    assert Condition("overall").met(0, 4, True)


def test_the_rule_in_words_says_all_that_it_fixes() -> None:
    said = predicate(
        rule(ADAM_FASTER, factor=2, where={"seed": 3}, budget=8, choose="loss", paired="instance")
    )
    for words in (
        "optimizer=adam against sgd, where seed=3: less steps to 1e-2, by a factor above 2.",
        "Paired by instance",
        "exact interval at 0.95",
        "Settings: tuned, chosen by loss, by 8 trials.",
        "Reproduced if the intervals of all comparisons lie above what is claimed",
        "adjusted for their number (Bonferroni)",
    ):
        assert words in said


SECTION = (
    (ROOT / "README.md").read_text(encoding="utf-8").split("## A claim of your own")[1].split("\n## ")[0]
)


def test_the_readme_names_every_key_of_a_rule() -> None:
    rows = re.findall(r"^\| (`.+?`) \|", SECTION, re.MULTILINE)
    named = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    assert named == set(RULE_KEYS) - {"compare", "better", "than"}  # which its example shows


def test_the_example_of_the_readme_is_a_claim() -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", SECTION, re.DOTALL)
    stated = read(yaml.safe_load(example), "mine")
    assert stated.rule.better == "cosine"
    assert stated.axes == ("optimizer.lr", "steps")
