"""The arrows between modules run one way, and every file is what its folder promises."""

import ast
import re
import sys
from collections.abc import Iterable
from functools import cache
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest
import yaml
from command_line import ROOT

ROOMS = ("optim", "problems", "experiments", "hydra_plugins")
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for room in ROOMS
    for path in sorted((ROOT / room).rglob("*.py"))
}
THERE = {name.split(".")[1] for name in FILES if name.startswith("experiments.")}
EXPERIMENTS = sorted((ROOT / "conf" / "experiment").glob("*.yaml"))

# The way of the data: a room imports from itself and from rooms before it.
WAY = (
    "declared",
    "wording",
    "theory",
    "engine",
    "plugins",
    "request",
    "store",
    "inference",
    "tables",
    "tuning",
    "grid",
    "measures",
    "together",
    "exports",
    "figures",
    "claims",
    "reports",
    "watching",
)
COMMANDS = (
    *("__main__", "run", "tune", "report", "watch", "check", "judge", "merge", "diff", "prune", "export"),
    *("reproduce", "new", "contracts", "benchmark"),
)
BESIDE = "command_line"
"""What commands share stands beside the way; rooms that must speak, or stop a command, import from it."""

SPEAKING = ("grid", "reports")
HYDRA = (
    "hydra_plugins",
    "experiments.command_line",
    "experiments.plugins.loading",
    *(f"experiments.{name}" for name in COMMANDS),
    *(
        f"experiments.grid.{edge}"
        for edge in (
            "axes",
            "interpolation",
            "plan",
            "composed",
            "contenders",
            "experiment",
            "optimal",
            "suite",
        )
    ),
)
"""Where Hydra is known: the commands and what they share, the edge of the grid, the plugins."""


# What a module imports


def imported(source: str, module: str, package: bool = False) -> set[str]:
    """Return the absolute names that a source imports, at the top or inside a function.

    ``from a import b`` gives ``a`` and ``a.b``: either may be a module.
    """
    here = module if package else module.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), here)
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


@cache
def imports(module: str) -> set[str]:
    path = FILES[module]
    return imported(path.read_text(encoding="utf-8"), module, path.name == "__init__.py")


def modules(*prefixes: str) -> list[str]:
    """Return the modules with one of these names or below it; there is at least one for each."""
    found = {prefix: [name for name in FILES if is_in(name, [prefix])] for prefix in prefixes}
    assert all(found.values()), f"nothing found: {found}"
    return [name for names in found.values() for name in names]


def is_in(name: str, prefixes: Iterable[str]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def strangers(module: str, allowed: Iterable[str]) -> set[str]:
    """Return what a module imports that is neither allowed nor in the standard library."""
    allowed = [*allowed, *sys.stdlib_module_names]
    return {name for name in imports(module) if not is_in(name, allowed)}


def in_experiments(names: Iterable[str]) -> set[str]:
    """Return the files and folders of experiments/ among these names."""
    return {name.split(".")[1] for name in names if name.startswith("experiments.")}


def importers_of(libraries: Iterable[str]) -> set[str]:
    """Return the modules that import one of these libraries."""
    return {module for module in FILES if any(is_in(name, libraries) for name in imports(module))}


def test_the_walk_sees_every_form_of_import() -> None:
    source = """
import numpy.linalg as la, os
from experiments.engine import trace
from .base import Optimizer
from . import base
def late():
    import pandas
    from hydra.core import plugins
"""
    found = imported(source, "optim.adam")
    assert {
        "numpy.linalg",
        "os",
        "experiments.engine.trace",
        "optim.base",
        "pandas",
        "hydra.core.plugins",
    } <= found
    assert "optim.base" in imported("from .base import x", "optim", package=True)


def test_the_walk_finds_the_modules() -> None:
    assert {
        "optim",
        "optim.adam",
        "problems.base",
        "experiments.engine.numpy_loop",
        "experiments.tables",
    } <= FILES.keys()
    assert "experiments.engine.trace" in imports("experiments.engine.numpy_loop")
    assert "experiments.grid.plan" in imports("hydra_plugins.lane_sweeper.lane_sweeper")  # inside a function


# The arrows

OF_A_LOSS = [module for module in modules("problems") if "jax" in {n.split(".")[0] for n in imports(module)}]
"""The problems that are given by a loss alone."""


ADAPTERS = modules("optim.adapters")
"""Those of other libraries' rules, which need not be installed."""


def test_jax_is_imported_by_the_engine_and_such_problems_only_when_used() -> None:
    places = [
        *(f"experiments.engine.{name}" for name in ("jax_loop", "jax_program", "programs")),
        *OF_A_LOSS,
        "optim.adapters.optax_rule",
        "experiments.benchmark",
        "experiments.contracts",
    ]
    assert {module for module in importers_of(["jax"]) if not is_in(module, places)} == set()
    assert [
        module
        for module in [*OF_A_LOSS, *ADAPTERS]
        if {"jax", "optax", "torch"} & {n.split(".")[0] for n in top_level(module)}
    ] == []


@pytest.mark.parametrize("module", modules("optim", "problems"))
def test_optimizers_and_problems_know_numpy_and_themselves_only(module: str) -> None:
    known = [module.split(".")[0], "experiments.declared", "numpy", "array_api_compat", "scipy", "sklearn"]
    known += ["mnist1d"] if module == "problems.data.shipped" else []
    known += ["pandas", "pyarrow"] if module in ("problems.data.own", "problems.data.encoded") else []
    known += ["jax"] if module in OF_A_LOSS else []
    known += ["jax", "optax", "torch"] if module in ADAPTERS else []
    assert strangers(module, known) == set()


@pytest.mark.parametrize("module", ["numpy_loop", "jax_loop", "jax_program", "trace", "blocks", "minimize"])
def test_the_loops_know_only_what_is_common_to_all_parts(module: str) -> None:
    project = {name for name in imports(f"experiments.engine.{module}") if is_in(name, ROOMS)}
    assert project
    common = ["base", "method", "wrapper", "schedules.base", "schedules.constant"]
    known = [*(f"optim.{name}" for name in common), "problems.base", "experiments.engine"]
    assert {name for name in project if not is_in(name, known)} == set()


def test_every_room_has_a_place() -> None:
    assert {*WAY, *COMMANDS, BESIDE} - THERE == set()
    assert THERE - {*WAY, *COMMANDS, BESIDE} == set(), "give it a place on the WAY"


@pytest.mark.parametrize("room", WAY)
def test_data_flows_one_way(room: str) -> None:
    before = {*WAY[: WAY.index(room)], *([BESIDE] if room in SPEAKING else [])}
    for module in modules(f"experiments.{room}"):
        used = in_experiments(imports(module)) - {room}
        assert used - before == set(), f"{module} imports what comes after it"


def test_only_commands_and_plugins_are_built_on_commands() -> None:
    users = {module for module in FILES if in_experiments(imports(module)) & {*COMMANDS}}
    assert users
    places = [f"experiments.{name}" for name in COMMANDS]
    assert {user for user in users if not is_in(user, places)} == set()


def test_no_room_imports_a_plugin() -> None:
    assert [module for module in modules("experiments") if importers(module, "hydra_plugins")] == []


def importers(module: str, library: str) -> bool:
    """Tell whether a module imports from a library."""
    return any(is_in(name, [library]) for name in imports(module))


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {
        module: {name for name in top_level(module) if name in FILES and not is_in(module, [name])}
        for module in FILES
    }
    assert graph["experiments.engine.numpy_loop"] >= {
        "experiments.engine.trace",
        "optim.method",
        "problems.base",
    }
    assert set(TopologicalSorter(graph).static_order()) == set(FILES)  # raises on a circle


def top_level(module: str) -> set[str]:
    """Return what a module imports as soon as it is imported."""
    body = ast.parse(FILES[module].read_text(encoding="utf-8")).body
    lines = [ast.unparse(node) for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    return imported("\n".join(lines), module, FILES[module].name == "__init__.py")


def test_hydra_is_known_at_the_edge_only() -> None:
    found = importers_of(["hydra", "omegaconf"])
    assert {"experiments.run", "experiments.grid.plan", "hydra_plugins.lane_sweeper.lane_sweeper"} <= found
    assert {module for module in found if not is_in(module, HYDRA)} == set()


def test_seaborn_is_imported_by_figures_only() -> None:
    found = importers_of(["seaborn"])
    assert "experiments.figures.lines" in found
    places = ["experiments.figures", "experiments.benchmark"]
    assert {module for module in found if not is_in(module, places)} == set()


def test_pandas_is_nowhere_below_requests() -> None:
    found = importers_of(["pandas"])
    assert "experiments.request.product" in found
    late = {"problems.data.own", "problems.data.encoded"}  # a user's own file, when it is read
    assert found & set(modules("optim", "problems", "experiments.engine")) == late
    for module in late:
        assert "pandas" not in {name.split(".")[0] for name in top_level(module)}


def test_the_registries_are_the_folders() -> None:
    for room in ("optim", "problems"):
        kinds = [f"{room}.base.register", f"{room}.adapters.base.register"]
        registering = {name for name in modules(room) if imports(name) & set(kinds)}
        options = {path.stem for path in (ROOT / "conf" / group_of(room)).glob("*.yaml")}
        names = {name.split(".")[-1].removesuffix("_rule") for name in registering if name != room}
        assert names == options


def group_of(room: str) -> str:
    return {"optim": "optimizer", "problems": "problem"}[room]


# What stands in the files

LONGEST_WITHOUT_DOCSTRING = 15  # lines of a function's body


@pytest.mark.parametrize("module", FILES)
def test_modules_classes_and_all_but_short_functions_say_what_they_are_for(module: str) -> None:
    tree = ast.parse(FILES[module].read_text(encoding="utf-8"))
    silent = [name for name, node in documented_parts(tree) if not ast.get_docstring(node)]
    assert ast.get_docstring(tree)
    assert silent == []


Documented = ast.ClassDef | ast.FunctionDef


def documented_parts(tree: ast.Module) -> list[tuple[str, Documented]]:
    """Return the public parts of a module that need a docstring.

    Not the methods of derived classes, whose base documents them, nor what a claim's
    decorator documents.
    """
    found: list[tuple[str, Documented]] = []
    for node in tree.body:
        if isinstance(node, Documented) and not node.name.startswith("_"):
            if isinstance(node, ast.ClassDef) or (is_long(node) and not is_claim(node)):
                found.append((node.name, node))
            if isinstance(node, ast.ClassDef) and not node.bases:
                found += [(f"{node.name}.{m.name}", m) for m in node.body if is_long(m) and m.name[0] != "_"]
    return found


def is_long(node: ast.stmt) -> bool:
    if not isinstance(node, ast.FunctionDef):
        return False
    return (node.end_lineno or 0) - node.body[0].lineno + 1 > LONGEST_WITHOUT_DOCSTRING


def is_claim(node: ast.FunctionDef) -> bool:
    return any(ast.unparse(decorator).startswith("claim(") for decorator in node.decorator_list)


def test_the_rule_for_docstrings_can_be_broken() -> None:
    long = "\n".join(["    x = 1"] * (LONGEST_WITHOUT_DOCSTRING + 1))
    source = f"class A:\n    pass\ndef long():\n{long}\ndef short():\n    pass\ndef _own():\n{long}\n"
    assert [name for name, _ in documented_parts(ast.parse(source))] == ["A", "long"]


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_an_experiment_begins_with_its_question_and_its_command(path: Path) -> None:
    first, question, *rest = path.read_text(encoding="utf-8").splitlines()
    comment = [line for line in rest if line.startswith("#")]
    assert first == "# @package _global_"
    assert re.fullmatch(r"# [A-Z].*\?", question)
    assert f"#   python -m experiments.run -m +experiment={path.stem}" in comment


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_an_experiment_is_a_sweep_into_a_study_of_its_name_or_a_shared_one(path: Path) -> None:
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert config["hydra"]["mode"] == "MULTIRUN"
    assert config["hydra"]["sweeper"]["params"]
    assert re.fullmatch(r"\w+", config["study"])


def test_there_are_experiments() -> None:
    assert {"fit", "lr_choice", "faster", "eps_stability"} <= {path.stem for path in EXPERIMENTS}


MACHINE_PATH = re.compile(r"(?<![\w.:/<])/(?:home|root|tmp|work|Users|mnt)/\w+")
WRITTEN = (".py", ".yaml", ".yml", ".md", ".toml", ".txt", ".cff", ".csv", "")
NOT_OURS = {".git", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".venv"}


def written_files() -> list[Path]:
    """Return the project's text files; of results only those that are kept."""
    kept = [ROOT / "results" / name for name in ("article", "benchmark", "crowded_valley", "theory")]
    roots = [path for path in ROOT.iterdir() if path.name not in {"results", *NOT_OURS}]
    candidates = [file for root in [*roots, *kept] for file in (root.rglob("*") if root.is_dir() else [root])]
    return [
        file
        for file in candidates
        if file.is_file() and file.suffix in WRITTEN and not NOT_OURS & set(file.parts)
    ]


def test_no_file_names_a_place_on_one_machine() -> None:
    files = written_files()
    assert {ROOT / "README.md", ROOT / "pyproject.toml", Path(__file__)} <= set(files)
    found = {str(file): MACHINE_PATH.findall(file.read_text(encoding="utf-8")) for file in files}
    assert {file: paths for file, paths in found.items() if paths} == {}


def test_a_place_on_one_machine_would_be_seen() -> None:
    place = "/".join(["", "home", "somebody", "results"])
    assert MACHINE_PATH.findall(f"stored in {place}") == [place.removesuffix("/results")]
    assert MACHINE_PATH.findall("https://example.org/work/x and results/home/x") == []
