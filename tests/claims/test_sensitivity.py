"""What a verdict hangs on."""

import pytest
from verdicts import PARTLY, REFUTED, REPRODUCED

from experiments.claims.base import Sensitivity, Variant

pytestmark = pytest.mark.usefixtures("fewer_resamples")


def test_a_verdict_that_hangs_on_nothing_says_so() -> None:
    variants = (Variant("target", "1e-3", PARTLY), Variant("budget", "1 trial", PARTLY))
    found = Sensitivity(PARTLY, variants, {"selection rule": "nothing is selected"})
    said = "The verdict stays partly whatever the target and budget (2 variants); nothing is selected."
    assert str(found) == said


def test_a_verdict_that_changes_says_with_what_and_to_what() -> None:
    variants = (
        Variant("target", "1e-3", PARTLY),
        Variant("target", "1e-4", REFUTED),
        Variant("target", "1e-5", REFUTED),
        Variant("budget", "1 trial", REPRODUCED),
        Variant("selection rule", "mean", REPRODUCED),
    )
    assert str(Sensitivity(REPRODUCED, variants)) == (
        "Of 5 variants, the verdict changes with the target (partly: 1e-3; refuted: 1e-4, 1e-5), "
        "not with the budget or selection rule."
    )
    only = Sensitivity(REPRODUCED, variants[:1])
    assert str(only) == "Of 1 variant, the verdict changes with the target (partly: 1e-3)."
