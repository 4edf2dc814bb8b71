"""The smallest optimizers and problem that the base classes allow, added as files, keep all contracts."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from command_line import ROOT

NEWCOMERS = ROOT / "tests" / "newcomers"
ROOMS = ("optim", "problems", "conf", "experiments", "hydra_plugins", "tests", "pyproject.toml")
CONTRACTS = (
    *(f"parts/test_{name}.py" for name in ("optimizers", "problems")),
    *(
        "parts/test_oracles.py",
        "engine/test_loop.py",
        "engine/test_divergence.py",
        "request/test_lanes.py",
        "store/test_check.py",
        "tuning/test_tuning.py",
    ),
    "test_commands.py",
)
CHOSEN = "fixed_step or rolling or parabola or has_a_file or test_commands"


def test_the_smallest_parts_keep_every_contract_and_run_through_every_command(tmp_path: Path) -> None:
    for room in ROOMS:
        copy = shutil.copytree if (ROOT / room).is_dir() else shutil.copy
        copy(ROOT / room, tmp_path / room)
    shutil.copytree(NEWCOMERS, tmp_path, dirs_exist_ok=True)
    files = [f"tests/{name}" for name in CONTRACTS]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "-k", CHOSEN, *files],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout
    assert " passed" in ended.stdout
