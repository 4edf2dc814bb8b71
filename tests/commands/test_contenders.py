"""Contenders: optimizers in forms of their own, with defaults, search spaces and names of their own."""

from pathlib import Path

import pytest
from command_line import ROOT, here
from omegaconf import OmegaConf

from experiments import Store
from experiments.grid.contenders import contenders_of, overrides_of
from experiments.request.settings import OptimizerName, labelled_name, optimizer_called

SMALL = """# @package _global_
contenders:
  name: small
  optimizers:
    - {optimizer: adam, label: amsgrad, amsgrad: true, lr: 0.01}
    - {optimizer: adam, search: {lr: {distribution: loguniform, low: 0.1, high: 0.2}}}
    - {optimizer: lookahead, inner: sgd, momentum: 0.5}
hydra:
  mode: MULTIRUN
"""


@pytest.fixture
def small(tmp_path: Path) -> str:
    """Return the word that lets Hydra find three contenders."""
    folder = tmp_path / "conf" / "contenders"
    folder.mkdir(parents=True)
    (folder / "small.yaml").write_text(SMALL)
    return f"hydra.searchpath=[file://{tmp_path / 'conf'}]"


def test_a_contender_is_said_in_overrides() -> None:
    space = {"lr": {"distribution": "uniform", "low": 0.5, "high": 1.0}}
    assert overrides_of({"optimizer": "sgd", "label": "nag", "nesterov": True, "search": space}) == (
        "optimizer=sgd",
        "optimizer.label='nag'",
        "optimizer.nesterov=true",
        "~optimizer.search",
        "+optimizer.search={lr:{distribution:'uniform',low:0.5,high:1.0}}",
    )


@pytest.mark.parametrize(
    ("contenders", "message"),
    [
        (None, "contenders must be a name and a list"),
        ({"name": "a", "optimizers": []}, "contenders must be a name and a list"),
        ({"name": "a", "optimizers": [3]}, "a contender must be an optimizer and its values, got 3"),
        ({"name": "a", "optimizers": [{"optimizer": "sgd"}, {"optimizer": "sgd", "lr": 1}]}, "the same"),
    ],
)
def test_contenders_that_are_none_are_refused(contenders: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        contenders_of(OmegaConf.create({"contenders": contenders}))


def test_a_label_is_part_of_what_runs_call_an_optimizer() -> None:
    assert labelled_name("sgd", None) == "sgd"
    assert labelled_name("lookahead.sgd", "heavy") == "lookahead.sgd:heavy"
    assert OptimizerName.of("lookahead.sgd:heavy") == OptimizerName("lookahead", "sgd", "heavy")
    called = optimizer_called("lookahead.sgd:heavy")
    assert called is not None
    assert called.full_name() == "lookahead.sgd"
    for label in ("", "a b", "a:b", 3, True):
        with pytest.raises(ValueError, match=r"optimizer\.label must be letters"):
            labelled_name("sgd", label)


def test_contenders_are_compared_at_their_own_defaults(tmp_path: Path, small: str) -> None:
    ended = here(tmp_path, "run", "+contenders=small", "problem=quadratic", "steps=5", "seed=0,1", small)
    assert ended.code == 0, ended.err
    runs = Store(tmp_path / "results" / "default").runs()
    rows = runs[["optimizer", "optimizer.lr"]].astype(str).drop_duplicates()
    assert sorted(rows.itertuples(index=False, name=None)) == [
        ("adam", "0.001"),
        ("adam:amsgrad", "0.01"),
        ("lookahead.sgd", "0.01"),
    ]
    assert runs.groupby("optimizer", observed=True).size().eq(2).all()


def test_contenders_are_tuned_in_their_own_spaces_and_rerun_at_their_defaults(
    tmp_path: Path, small: str
) -> None:
    words = ["problem=quadratic", "steps=5", "seed=0", "tune.trials=3", "tune.seeds=1", "tune.budgets=[3]"]
    ended = here(tmp_path, "run", "+contenders=small", *words, small)
    assert ended.code == 0, ended.err
    runs = Store(tmp_path / "results" / "default").runs()
    trials, shown = runs[runs["seed"] > 1], runs[runs["seed"] == 0]
    assert trials.groupby("optimizer", observed=True).size().eq(3).all()
    assert trials[trials["optimizer"] == "adam"]["optimizer.lr"].between(0.1, 0.2).all()
    seen = set(shown[["optimizer", "optimizer.lr"]].astype({"optimizer": str}).itertuples(False, None))
    defaults = {("adam", 0.001), ("adam:amsgrad", 0.01), ("lookahead.sgd", 0.01)}
    assert defaults <= seen
    reported = here(tmp_path, "report")
    assert reported.code == 0, reported.err
    assert "adam:amsgrad" in (tmp_path / "results" / "default" / "report" / "report.md").read_text()


def test_an_optimizer_beside_contenders_is_refused(tmp_path: Path, small: str) -> None:
    ended = here(tmp_path, "run", "+contenders=small", "optimizer=sgd", small)
    assert ended.code == 2
    assert "optimizer cannot be given beside +contenders, which lists the optimizers" in ended.err


@pytest.mark.parametrize("file", sorted((ROOT / "conf" / "contenders").glob("*.yaml")), ids=lambda f: f.stem)
def test_contenders_bear_the_name_of_their_file(file: Path) -> None:
    config = OmegaConf.load(file)
    assert config.contenders.name == file.stem
    assert len(contenders_of(config)) > 1  # type: ignore[arg-type]
