"""Whatever is typed: a finished run, or one clear line and nothing written."""

from __future__ import annotations

import shlex
import tempfile
from contextlib import chdir
from dataclasses import fields
from pathlib import Path

import pytest
from command_line import Ended, files, here
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from experiments.command_line.configuration import study_folder
from experiments.grid.axes import values
from optim import ADAPTERS, OPTIMIZERS
from problems import PROBLEMS

SHORT = {"steps": "steps=3", "record.points": "record.points=2"}
LONGEST = 1_000  # characters of a line that a person reads


def typed(*arguments: str) -> Ended:
    """Run short runs with these arguments in a folder of their own, and judge what they left."""
    keys = {argument.lstrip("+~").partition("=")[0] for argument in arguments}
    short = [text for key, text in SHORT.items() if not {key, key.partition(".")[0]} & keys]
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "here"
        folder.mkdir()
        ended = here(folder, "run", *arguments, *short)
        left = files(Path(parent))
    if ended.code == 0:
        assert all(name.startswith("here/") and name.endswith(".parquet") for name in left)
        assert {name.split("/")[-2] for name in left} <= {"runs", "history", "selections"}
        assert not any(name.split("/")[-1].startswith(".") for name in left)  # half written
    else:
        assert is_one_line(ended)
        assert left == []
    return ended


def is_one_line(ended: Ended) -> bool:
    """Tell whether a command was refused with one line that can be read, and no more."""
    line = ended.err.removesuffix("\n")
    readable = line.isprintable() and len("error: ?") <= len(line) <= LONGEST
    return ended.code == 2 and ended.out == "" and line.startswith("error: ") and readable


# --- Anything ---

OPTIMIZER_KEYS = sorted({f"optimizer.{f.name}" for cls in OPTIMIZERS.values() for f in fields(cls)})
PROBLEM_KEYS = sorted({f"problem.{f.name}" for cls in PROBLEMS.values() for f in fields(cls)})
KEYS = ["seed", "steps", "record", "record.points", "record.params", "study", "optimizer", "problem"]
TUNE = ["tune", "tune.trials", "tune.method", "tune.seeds", "tune.budgets", "tune.measure"]
STRANGE = [
    "results",
    "foo",
    "foo.bar",
    "optimizer.name",
    "optimizer.foo",
    "optimizer.search",
    "axes",
    "batch",
]
HYDRAS = [
    "hydra/launcher",
    "hydra/sweeper",
    "hydra.mode",
    "hydra.sweeper.params",
    "hydra.verbose",
    "defaults",
]

numbers = st.one_of(
    st.integers(-3, 9).map(str),
    st.floats().map(repr),
    st.sampled_from(["1e400", "1e-400", "-0", "0x10", "1_0", f"{2**32}", f"{2**63}", f"{10**12}", "9" * 400]),
)
words = st.one_of(
    st.sampled_from([*OPTIMIZERS, *PROBLEMS, "digits", "true", "null", "", "..", "é", "???", "${seed}"]),
    st.sampled_from(["${optimizer.lr}", "${nope}", "${optimizer}", "${oc.env:NOPE}", "${", "a b", "\udcff"]),
    st.sampled_from(["logspace:1e-3:1:3", "linspace:0:1:2", "logspace:0:1:3", "linspace:0:inf:3", "a:b"]),
    st.text(max_size=6),
)
scalars = numbers | words
several = st.lists(scalars, max_size=3).map(",".join)
calls = st.tuples(
    st.sampled_from(
        [
            "range",
            "choice",
            "glob",
            "interval",
            "shuffle",
            "sort",
            "tag",
            "int",
            "float",
            "str",
            "bool",
            "nope",
        ]
    ),
    several | st.sampled_from(["range(0,3)", "3,1,2", "0,3", "1,reverse=true", "*", f"0,{10**12}"]),
).map(lambda call: f"{call[0]}({call[1]})")
collections = several.map(lambda text: f"[{text}]") | several.map(lambda text: f"{{a:{text}}}")
quotes = st.tuples(st.sampled_from(["'", '"']), scalars).map(lambda pair: pair[0] + pair[1] + pair[0])
texts = st.one_of(scalars, scalars, numbers, several, calls, collections, quotes)
sensible = st.sampled_from(
    ["optimizer.lr", "optimizer.momentum", "problem.noise", "seed", "optimizer", "problem"]
)
keys = st.one_of(sensible, st.sampled_from([*KEYS, *TUNE, *OPTIMIZER_KEYS, *PROBLEM_KEYS, *STRANGE, *HYDRAS]))
overrides = st.one_of(
    st.tuples(keys, texts).map("=".join),
    st.tuples(keys, texts).map("=".join),
    st.tuples(st.sampled_from(["+", "++", "~"]), keys, st.just("="), texts).map("".join),
    keys.map(lambda key: f"~{key}"),
    st.text(max_size=10).filter(lambda text: not text.startswith("-")),  # Hydra's options are no overrides
)


@settings(max_examples=20, derandomize=True, database=None, deadline=None)
@given(grid=st.booleans(), arguments=st.lists(overrides, min_size=1, max_size=3))
@example(grid=False, arguments=["problem.c=3e244"])  # squares overflow
@example(grid=False, arguments=[f"problem.b={'9' * 400}"])  # an integer that no float holds
@example(grid=True, arguments=["optimizer.centered=[0.1,linspace:0:1:3]"])
@example(grid=True, arguments=["optimizer.lr=logspace:1:inf:4"])
@example(grid=True, arguments=["optimizer.eps=a\nb"])
@example(grid=False, arguments=["record=${tune}"])
def test_whatever_is_typed_ends_with_runs_or_with_one_line(grid: bool, arguments: list[str]) -> None:
    typed(*["-m"] * grid, *arguments)


@settings(max_examples=10, derandomize=True, database=None, deadline=None)
@given(data=st.data())
def test_whatever_number_a_hyperparameter_or_constant_gets(data: st.DataObject) -> None:
    group = data.draw(st.sampled_from(["optimizer", "problem"]))
    registry = {"optimizer": OPTIMIZERS, "problem": PROBLEMS}[group]
    name = data.draw(st.sampled_from(sorted(name for name, cls in registry.items() if fields(cls))))
    key = data.draw(st.sampled_from([field.name for field in fields(registry[name])]))
    value = data.draw(st.floats().map(repr) | st.integers(-2, 5).map(str) | numbers)
    ended = typed(f"{group}={name}", f"{group}.{key}={value}")
    if ended.code:
        assert key in ended.err
        assert " must be " in ended.err or " make " in ended.err


def folder_or_line(study: str, results: str) -> Path | str:
    """Return the folder of a study, or why there is none."""
    try:
        return study_folder(OmegaConf.create({"study": study, "results": results}))
    except ValueError as refused:
        return f"{refused}"


part = st.sampled_from(["..", ".", "a", "", "b.", "CON", "nul.txt", "ü", "~", "c" * 300]) | st.text(
    max_size=5
)


@settings(max_examples=300, derandomize=True, database=None, deadline=None)
@given(study=st.lists(part, max_size=6).map("/".join), results=st.just("results") | part)
def test_whatever_a_study_is_called_its_folder_is_below_the_results(study: str, results: str) -> None:
    with tempfile.TemporaryDirectory() as parent, chdir(parent):
        folder = folder_or_line(study, results)
        if isinstance(folder, str):
            assert " must " in folder
            return
        assert folder.resolve() != Path(results).resolve()
        assert folder.resolve().is_relative_to(Path(results).resolve())
        folder.mkdir(parents=True)  # the name is one that a folder can have


# --- What was found that way, and what is said ---

NAMES = ", ".join(sorted({**OPTIMIZERS, **ADAPTERS}))
NO_KEY = (
    "there is no such key; there are optimizer, schedule, problem, +experiment, +suite, +contenders, seed, "
)
GRAMMAR = "not of Hydra's grammar; a value with special characters needs quotes of its own"
SAID: list[tuple[list[str], str]] = [
    (["~seed"], "~seed: no setting can be taken away; what is not written has its default"),
    (["-m", "~optimizer", "seed=1,2"], "~optimizer: no setting can be taken away; what is not written has "),
    (["~optimizer.search.nope"], "Could not delete from config. 'optimizer.search.nope' does not exist."),
    (["-m", "optimizer=3,sgd"], f"optimizer must be one of {NAMES}, got '3'"),
    (["optimizer=[sgd,adam]"], f"optimizer must be one of {NAMES}, got '['sgd', 'adam']'"),
    (["optimizer=${problem}"], f"optimizer must be one of {NAMES}, got '"),
    (["optimizer.name=[1]"], f"optimizer must be one of {NAMES}, got [1]"),
    (
        ["optimizer.lr=logspace:1e-4:1:5"],
        "optimizer.lr=logspace:1e-4:1:5: several values make a grid; add -m",
    ),
    (["++optimizer.lr_decay=0.5"], "optimizer.lr_decay=0.5: only adagrad has lr_decay; choose it with "),
    (
        ["-m", "++optimizer.lr_decay=0.5"],
        "optimizer.lr_decay=0.5: only adagrad has lr_decay; choose it with ",
    ),
    (
        ["-m", "study=a,b"],
        "study and results must be the same for all runs of a grid, got results/a and results/b",
    ),
    (
        ["-m", "results=a,b"],
        "study and results must be the same for all runs of a grid, got a/default and b/",
    ),
    (["-m", "study=s${seed}", "seed=1,2"], "study and results must be the same for all runs of a grid, got "),
    (
        ["-m", "+experiment=fit,faster"],
        "+experiment=fit,faster: one experiment at a time; run the command once",
    ),
    (["axes.seed=3"], f"axes.seed=3: {NO_KEY}"),
    (["++batch=3"], f"batch=3: {NO_KEY}"),
    (["jobs=0"], "jobs must be an integer in [1, 100000], got 0"),
    (["dry_run=3"], "dry_run must be true or false, got 3"),
    (["-m", "hydra.launcher.workers=0"], "hydra.launcher.workers must be an integer in [1, inf) or null"),
    (["-m", "hydra/launcher=nope"], "hydra/launcher must be one of basic, joblib, processes, ray, "),
    (["tune=1"], "tune must be trials, method, seeds, budgets, extend and measure (tune.trials=0), got 1"),
    (["record=${tune}"], "record must be points and params (record.points=100), got {"),
    (["tune.trials=[]"], "tune.trials must be one value, got []"),
    (["tune.trials=3", "optimizer.lr=0.1"], "tune.trials draws optimizer.lr; it cannot be 0.1 as well"),
    (["tune.trials=3", f"seed={10**9}"], "seed must be below 1000000000, where the tuning seeds begin, got "),
    (["tune.trials=3", "tune.budgets=[x]"], "tune.budgets must be an integer in [1, inf), got 'x'"),
    (["tune.trials=3", "tune.budgets=7"], "tune.budgets must be integers, as tune.budgets=[25,50], got 7"),
    (
        ["tune.trials=3", "tune.measure=accuracy"],
        "tune.measure must be one of loss, best_loss, suboptimality, ",
    ),
    (
        ["tune.trials=3", "optimizer.search=3"],
        "optimizer.search must be distribution, low and high of each key",
    ),
    (
        ["tune.trials=3", "optimizer.search.lr.low=-1"],
        "optimizer.search.lr must be 0 < low < high < inf, got -1",
    ),
    (["foo"], "foo: a setting is written as key=value"),
    ([""], "'': a setting is written as key=value"),
    (["study=a b!"], f"study=a b!: {GRAMMAR}"),
    (["--nope"], "unrecognized arguments: --nope; --hydra-help lists the options"),
    (
        ["hydra/launcher=5"],
        "hydra/launcher=5 steps=3 record.points=2: Hydra does not take this (ValueError: Config",
    ),
    (["-m", "hydra.sweeper.params=3"], "hydra.sweeper.params must be keys and their sweeps, got 3"),
    (["optimizer.lr=${nope}"], "optimizer.lr: Interpolation key 'nope' not found"),
    (["optimizer.lr=???"], "optimizer.lr: Missing mandatory value: lr"),
    (["results="], "results must be the path of a folder on this machine, got ''"),
    (["results=3.5"], "results must be the path of a folder on this machine, got 3.5"),
    (["results=s3://bucket/x"], "results must be the path of a folder on this machine, got 's3://bucket/x'"),
    ([f"results={'r' * 300}"], f"results must be a folder, got '{'r' * 300}': its name is too long"),
    (["study=con"], "study must not be called as a device of Windows is, got 'con'"),
    (["study=a/LPT1.x"], "study must not be called as a device of Windows is, got 'LPT1.x'"),
    (["study=a."], "study must be letters, digits, '_', '-', '.' and at most three '/', got 'a.'"),
    (["study=/abs"], "study must be letters, digits, '_', '-', '.' and at most three '/', got '/abs'"),
]


@pytest.mark.parametrize(("arguments", "line"), SAID, ids=[" ".join(case[0])[:60] for case in SAID])
def test_what_is_wrong_is_said_by_key_value_and_what_is_allowed(arguments: list[str], line: str) -> None:
    ended = typed(*arguments)
    assert ended.err.startswith(f"error: {line}")


# --- The same key twice ---

TWICE: list[tuple[list[str], str]] = [
    (["optimizer.lr=0.1", "optimizer.lr=0.2"], "optimizer.lr=0.1,0.2 and add -m"),
    (["-m", "optimizer.lr=0.1", "optimizer.lr=0.2"], "optimizer.lr=0.1,0.2"),
    (["-m", "optimizer.lr=0.1", "+optimizer.lr=0.2"], "optimizer.lr=0.1,0.2"),
    (["-m", "++optimizer.lr=0.1", "seed=1", "optimizer.lr=0.2"], "optimizer.lr=0.1,0.2"),
    (["-m", "optimizer.lr=logspace:1e-3:1:4", "optimizer.lr=3"], "optimizer.lr=logspace:1e-3:1:4,3"),
    (["-m", "problem.batch_size=null", "problem.batch_size=32"], "problem.batch_size=null,32"),
    (["-m", "problem.b=${.a}", "problem.b=3"], "'problem.b=${.a},3'"),
    (["seed=1", "seed=2", "seed=2", "seed=3"], "seed=1,2,3 and add -m"),
    (["-m", "seed=range(0,3)", "seed=7"], "'seed=range(0,3),7'"),
    (["seed=1", "seed=1"], "it once"),
    (["steps=3", "steps=4"], "steps=3,4 and add -m"),
    (["optimizer=sgd", "optimizer=adam"], "optimizer=sgd,adam and add -m"),
    (["-m", "problem=quadratic", "problem=rosenbrock,mlp"], "problem=quadratic,rosenbrock,mlp"),
    (["-m", "optimizer=glob(a*)", "optimizer=sgd"], "all values in one, separated by commas"),
    (["optimizer.lr=", "optimizer.lr=3"], "all values in one, separated by commas"),
    (["+note=a", "note=b"], "note=a,b and add -m"),
    (["+experiment=fit", "+experiment=faster"], "one of them"),
    (["-m", "study=a", "study=b"], "one of them"),
    (["-m", "hydra.launcher.workers=1", "hydra.launcher.workers=2"], "one of them"),
    (["-m", "hydra/launcher=basic", "hydra/launcher=joblib"], "one of them"),
    (["tune.budgets=[1,2]", "tune.budgets=[3]"], "'tune.budgets=[1,2,3]'"),
    (["~optimizer.search.lr", "~optimizer.search.lr"], "it once"),
]


@pytest.mark.parametrize(("arguments", "instead"), TWICE, ids=[" ".join(case[0])[:60] for case in TWICE])
def test_a_key_given_twice_is_answered_with_how_to_write_both(arguments: list[str], instead: str) -> None:
    ended = typed(*arguments)
    key = arguments[-1].lstrip("+").partition("=")[0]
    again = [text for text in arguments if text.lstrip("+").partition("=")[0] == key]
    times = "twice" if len(again) == 2 else f"{len(again)} times"
    assert ended.err == f"error: {' '.join(again)}: {key} is given {times}; write {instead}\n"


JOINED = [case for case in TWICE if "=" in case[1] and "[" not in case[1]]


@pytest.mark.parametrize(("arguments", "instead"), JOINED, ids=[" ".join(case[0]) for case in JOINED])
def test_what_is_advised_holds_all_that_was_given(arguments: list[str], instead: str) -> None:
    [override] = shlex.split(instead.removesuffix(" and add -m"))
    key, _, text = override.partition("=")
    texts = [a.partition("=")[2] for a in arguments if a.lstrip("+").startswith(f"{key}=")]
    assert values(key, text) == list(dict.fromkeys(value for t in texts for value in values(key, t)))


@pytest.mark.parametrize(
    ("command", "arguments", "instead"),
    [
        ("tune", ["optimizer.lr=0.1", "optimizer.lr=0.2"], "write optimizer.lr=0.1,0.2 and add -m"),
        ("report", ["study=a", "study=b"], "write one of them"),
        ("report", ["measure=loss", "++measure=accuracy"], "write one of them"),
        ("check", ["repair=true", "repair=false"], "write one of them"),
        ("reproduce", ["claims=[fit]", "claims=[faster]"], "write 'claims=[fit,faster]'"),
        ("benchmark.__main__", ["repeats=1", "repeats=2"], "write one of them"),
        ("benchmark.__main__", ["lanes=[1, 64]", "lanes=[1000]"], "write 'lanes=[1, 64,1000]'"),
    ],
)
def test_a_key_given_twice_is_refused_by_every_command(
    tmp_path: Path, command: str, arguments: list[str], instead: str
) -> None:
    ended = here(tmp_path, command, *arguments)
    key = arguments[0].partition("=")[0]
    assert ended == Ended(2, "", f"error: {' '.join(arguments)}: {key} is given twice; {instead}\n")
    assert files(tmp_path) == []


# --- More than can be done ---

HUGE: list[tuple[list[str], str]] = [
    ([f"steps={10**12}"], "steps must be an integer in [1, 100000000], got 1000000000000"),
    ([f"record.points={10**9}"], "record.points must be an integer in [2, 1000000], got 1000000000"),
    (
        ["-m", "seed=range(0,1000)", "steps=100000", "record.points=100000"],
        "record.points=100000 of quadratic: the history of the runs that advance together takes 3.8 GiB",
    ),
    ([f"problem.points={10**9}"], "QuadraticFit: points must be an integer in [3, 1000000], got 1000000000"),
    (
        ["problem=rosenbrock", f"problem.dim={10**7}"],
        "Rosenbrock: dim must be an integer in [2, 100000], got 10000000",
    ),
    (
        ["problem=rosenbrock", "problem.dim=100000", "record.params=true", "record.points=100", "steps=300"],
        "record.points=100 of rosenbrock: the history of the runs that advance together takes 9.5 GiB",
    ),
    (
        ["problem=quadratic_bowl", f"problem.dim={10**7}"],
        "QuadraticBowl: dim must be an integer in [2, 2000], got 10000000",
    ),
    (
        ["problem=mlp", f"problem.layers={10**9}"],
        "MLP: layers must be an integer in [1, 100], got 1000000000",
    ),
    (
        ["problem=mlp", "problem.hidden=5000"],
        "MLP: hidden=5000 and layers=1 make 375,010 parameters, at most 250,000",
    ),
    (["-m", f"seed=range(0,{10**12})"], f"seed=range(0,{10**12}): at most 1,000,000 values of one key, got "),
    (
        ["-m", f"seed=shuffle(range({10**12}))"],
        f"seed=shuffle(range({10**12})): at most 1,000,000 values of ",
    ),
    (
        ["-m", f"steps=range(1,{10**12})"],
        f"steps=range(1,{10**12}): at most 1,000,000 values of one key, got ",
    ),
    (["-m", "optimizer.lr=range(0.1,1,1e-30)"], "optimizer.lr=range(0.1,1,1e-30): at most 1,000,000 values "),
    (["-m", "seed=range(0,10,0)"], "seed=range(0,10,0): a range needs finite ends and a step other than 0"),
    (["-m", "optimizer.lr=range(0,inf)"], "optimizer.lr=range(0,inf): a range needs finite ends and a step "),
    (
        ["-m", f"optimizer.lr=logspace:1e-4:1:{10**9}"],
        f"optimizer.lr=logspace:1e-4:1:{10**9}: logspace:low:high:count needs 0 < low < high and a count",
    ),
    (
        ["-m", "seed=range(0,1000000)", "optimizer.lr=logspace:1e-4:1:1000"],
        "at most 100,000,000 runs of one optimizer on one problem, got 1,000,000 values of seed x 1,000 ",
    ),
    (
        ["-m", "steps=range(1,100000)"],
        "steps=range(1,100000): at most 10,000 cells in one grid, got 99,999; seeds and the",
    ),
    (["tune.trials=1000000000"], "tune.trials must be an integer in [1, 100000], got 1000000000"),
    (
        ["tune.trials=3", "tune.seeds=1000000000"],
        "tune.seeds must be an integer in [1, 1000], got 1000000000",
    ),
]


@pytest.mark.parametrize(("arguments", "line"), HUGE, ids=[" ".join(case[0])[:60] for case in HUGE])
def test_more_than_can_be_done_is_refused_at_once(arguments: list[str], line: str) -> None:
    ended = typed(*arguments)
    assert ended.err.startswith(f"error: {line}")


# --- What is unusual, and right ---

FINE = [
    ["-m", "optimizer='sgd','adam'"],
    ["optimizer=sgd,adam", "-m", "seed=0,1"],  # an option in the middle
    ["-m", "problem.noise=linspace:0:1:3"],  # a constant, evenly spaced
    ["+optimizer.lr=0.5"],
    ["-m", "seed=range(0,2),7"],
    [
        "tune.trials=2",
        "tune.budgets=[2]",
        "~optimizer.search.lr",
        "+optimizer.search.lr={distribution:uniform,low:1,high:2}",
    ],
    ["-m", "++optimizer.beta1=0.5", "optimizer=adam,sgd"],
    ["-m", "+note=a,b"],
    ["-m", "tune.trials=2", "tune.budgets=[1,2]", "~optimizer.search.beta"],
    ["-m", "tune.trials=2", "tune.budgets=[2]", "+optimizer.search.eps={distribution:uniform,low:1,high:2}"],
]


@pytest.mark.parametrize("arguments", FINE, ids=" ".join)
def test_what_is_unusual_and_right_runs(arguments: list[str]) -> None:
    assert typed(*arguments).code == 0


# --- Folders ---


def test_results_in_a_place_of_ones_own(tmp_path: Path) -> None:
    assert here(tmp_path, "run", *SHORT.values(), f"results={tmp_path / 'x:y'}").code == 0
    assert {name.partition("/")[0] for name in files(tmp_path)} == {"x:y"}


def test_what_stands_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "taken").write_text("")
    (tmp_path / "results" / "nowhere").symlink_to(tmp_path / "gone")
    before = files(tmp_path)
    for argument, line in {
        "results=file": "results must be a folder, got 'file': that is a file",
        "results=file/below": "results must be a folder, got 'file/below': Not a directory",
        "study=taken": "study must be a folder, got 'taken': that is a file",
        "study=nowhere": "study must be a folder, got 'nowhere': it is a link to nothing",
    }.items():
        ended = here(tmp_path, "run", *SHORT.values(), argument)
        assert ended == Ended(2, "", f"error: {line}\n")
    assert files(tmp_path) == before


@pytest.mark.parametrize("grid", [(), ("-m", "seed=1,2")], ids=["one", "grid"])
def test_a_file_that_is_no_yaml_is_named_with_the_line(tmp_path: Path, grid: tuple[str, ...]) -> None:
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    (tmp_path / "conf" / "experiment" / "two.yaml").write_text("# @package _global_\noptimizer: {lr: [0.5}\n")
    ended = here(tmp_path, "run", *grid, f"hydra.searchpath=[file://{tmp_path}/conf]", "+experiment=two")
    assert is_one_line(ended)
    assert ended.err.startswith("error: a file of the configuration is no YAML: while parsing a flow")
    assert 'two.yaml", line 2' in ended.err


def test_a_study_that_is_a_link_out_of_the_results_is_refused(tmp_path: Path) -> None:
    outside, results = tmp_path / "outside", tmp_path / "results"
    outside.mkdir()
    results.mkdir()
    (results / "link").symlink_to(outside, target_is_directory=True)
    for study in ("link", "link/deeper"):
        ended = here(tmp_path, "run", *SHORT.values(), f"study={study}")
        assert ended.err.startswith(f"error: study={study} is a link that leaves the results, to {outside}")
        assert is_one_line(ended)
    assert files(tmp_path) == []


def test_results_and_links_within_them_may_be_links(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    (disk / "first").mkdir(parents=True)
    (tmp_path / "results").symlink_to(disk, target_is_directory=True)
    (disk / "second").symlink_to(disk / "first", target_is_directory=True)
    assert here(tmp_path, "run", *SHORT.values(), "study=second").code == 0
    assert {name.split("/")[1] for name in files(disk.parent) if name.startswith("disk/")} >= {"first"}
