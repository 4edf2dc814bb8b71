"""What the pages say of the code is so."""

import re
from importlib import import_module

import pytest
from command_line import ROOT

ROW = r"^\| `([\w.]+)\.([A-Z_]+)` \| ([\d_.]+) \| .+ \|$"
LIMITS = re.findall(ROW, (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("module", "name", "value"), LIMITS, ids=lambda value: str(value))
def test_a_limit_is_what_the_table_says(module: str, name: str, value: str) -> None:
    there = getattr(import_module(f"experiments.{module}"), name)
    assert float(value) == pytest.approx(there, rel=1e-3)


def test_the_table_holds_every_limit_on_what_can_be_asked_for() -> None:
    limits = import_module("experiments.request.limits")
    named = {name for module, name, _ in LIMITS if module == "request.limits"}
    assert named == {name for name in vars(limits) if name.isupper()}
