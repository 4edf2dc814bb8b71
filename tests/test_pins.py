"""Every package that the project or an extra asks for has a pin in constraints.txt, one that it allows."""

import tomllib

import pytest
from command_line import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}


def pins() -> dict[str, str]:
    """Return the version of each package in constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    names = [canonicalize_name(name) for name, _ in pairs]
    assert len(names) == len(set(names))
    return dict(zip(names, (version for _, version in pairs), strict=True))


@pytest.mark.parametrize("extra", EXTRAS)
def test_every_requirement_is_pinned_to_a_version_that_it_allows(extra: str) -> None:
    versions = pins()
    asked = [Requirement(text) for text in EXTRAS[extra]]
    assert asked
    assert [r.name for r in asked if canonicalize_name(r.name) not in versions] == []
    assert [str(r) for r in asked if versions[canonicalize_name(r.name)] not in r.specifier] == []


def test_the_gate_installs_every_extra() -> None:
    gate = (ROOT / ".ci" / "run").read_text(encoding="utf-8")  # `test` by the command of the README
    left_out = ("", "test", "cuda")  # cuda is gigabytes, for a device that the gate does not have
    assert [extra for extra in EXTRAS if extra not in left_out and f"[{extra}]" not in gate] == []
