"""Rules are written down once, with what was there, and a changed byte is noticed."""

from pathlib import Path

import pytest

from experiments.store import Store
from experiments.store.audit import audit
from experiments.store.parquet import Damaged
from experiments.store.registration import RULES, digest_of, read_rule, register, registered

TEXT = "statement: So it is.\nrule:\n  better: adam\n\n  note: 'a \u2028 b'\n"


def test_a_rule_comes_back_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    for name in ("b.parquet", "a.parquet", ".x.tmp"):
        (tmp_path / "runs" / name).touch()
    rule = register(tmp_path, "mine", TEXT)
    assert (rule.name, rule.text, rule.digest) == ("mine", TEXT, digest_of(TEXT))
    assert rule.there == ("a.parquet", "b.parquet")
    assert rule.when.endswith("+00:00")
    assert read_rule(tmp_path / RULES / rule.file) == rule
    assert [path.name for path in (tmp_path / RULES).iterdir()] == [rule.file]


def test_it_is_written_once(tmp_path: Path) -> None:
    first = register(tmp_path, "mine", TEXT)
    content = (tmp_path / RULES / first.file).read_bytes()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "later.parquet").touch()
    assert register(tmp_path, "mine", TEXT) == first
    assert (tmp_path / RULES / first.file).read_bytes() == content
    other = register(tmp_path, "mine", TEXT.replace("adam", "sgd"))
    assert other.there == ("later.parquet",)
    register(tmp_path, "another", TEXT)
    assert {each.digest for each in registered(tmp_path, "mine")} == {first.digest, other.digest}


@pytest.mark.parametrize(
    ("old", "new"),
    [("better: adam", "better: adan"), ("registered: 2", "registered: 1"), ("there: []", "there: \n- a")],
)
def test_a_changed_byte_is_noticed(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / RULES / register(tmp_path, "mine", TEXT).file
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(Damaged, match="not as it was written"):
        read_rule(path)
    with pytest.raises(Damaged):
        register(tmp_path, "mine", TEXT)
    [fault] = audit(Store(tmp_path)).faults
    assert str(fault) == f"{RULES}/{path.name}: it is not as it was written"


def test_another_name_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / RULES / register(tmp_path, "mine", TEXT).file
    path.rename(path.with_name(f"other-{digest_of(TEXT)}.yaml"))
    [fault] = audit(Store(tmp_path)).faults
    assert "its name is not that of its rule" in str(fault)


def test_what_is_sound_is_no_fault(tmp_path: Path) -> None:
    register(tmp_path, "mine", TEXT)
    assert audit(Store(tmp_path)).faults == ()
