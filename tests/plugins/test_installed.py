"""Packages that bring parts by an entry point are found without being named."""

import os
from pathlib import Path

import pytest
from command_line import Ended, finished, start
from outside import well, write

GRID = ("-m", "problem=rosenbrock", "engine=numpy", "seed=range(0,4)", "steps=20", "record.points=5")


def install(site: Path, package: str = "rules", module: str = "rules") -> Path:
    """Write a package with an optimizer as pip would install it; return its folder."""
    file = write(site / package, "optimizer", "mine")
    (site / package / "__init__.py").write_text("")
    (site / package / "core.py").write_text("FACTOR = 1.0\n")
    file.write_text(
        file.read_text().replace("from optim.base", f"from {package}.core import FACTOR\nfrom optim.base")
    )
    file.write_text(file.read_text().replace("- self.lr", "- FACTOR * self.lr"))
    about = site / f"{package}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[optimizer_lanes.plugins]\n{package} = {module}\n")
    return site / package


def run(folder: Path, site: Path, *words: str, command: str = "run") -> Ended:
    """Run a command in a process of its own that has what is installed in ``site``."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")])))
        return finished(start(folder, command, *words))


def test_an_installed_package_is_found_without_being_named(tmp_path: Path) -> None:
    site = tmp_path / "site"
    package = install(site)
    grid = (*GRID, "optimizer=mine,sgd", "jobs=4", "hydra.launcher.workers=2")
    assert well(run(tmp_path, site, *grid)).splitlines()[-1].startswith("8 runs done, 0 reused")
    assert "sound" in well(run(tmp_path, site, command="check"))
    (package / "other.py").write_text("x = 1\n")
    assert well(run(tmp_path, site, *grid)).splitlines()[-1].startswith("0 runs done, 8 reused")
    (package / "core.py").write_text("FACTOR = 0.5\n")
    assert well(run(tmp_path, site, *grid)).splitlines()[-1].startswith("4 runs done, 4 reused")
    told = well(run(tmp_path, tmp_path, command="check"))
    assert "8 runs of optimizer=mine, which is not here; left out of tables" in told


def test_what_is_wrong_with_an_installed_package_is_one_line(tmp_path: Path) -> None:
    lines = {
        "gone": "gone is not there; reinstall or uninstall it",
        "rules.core": "rules.core is a module and no package; reinstall or uninstall it",
    }
    for number, (module, line) in enumerate(lines.items()):
        site = tmp_path / f"{number}"
        install(site, module=module)
        ended = run(tmp_path, site, "optimizer=sgd")
        assert (ended.code, ended.err) == (2, f"error: the installed plugin rules: {line}\n")


def test_a_folder_may_not_have_the_name_of_an_installed_part(tmp_path: Path) -> None:
    install(tmp_path / "site")
    write(tmp_path / "parts", "optimizer", "mine")
    ended = run(tmp_path, tmp_path / "site", "optimizer=mine", "plugins=parts")
    line = "parts/optimizer/mine.py: optimizer=mine is rules/optimizer/mine.py already; give one another name"
    assert (ended.code, ended.err) == (2, f"error: {line}\n")
