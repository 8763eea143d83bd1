"""What was hashed while it was staged is not read again for the digest of the state after, unless anybody wrote into it since."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

import pytest

from atsam_safe.plan.model import ScopeEntry
from atsam_safe.snapshot import scope_digest
from atsam_safe.snapshot.scope import digest_of, list_scope, read_states
from atsam_safe.transaction import staged
from atsam_safe.transaction.staged import StagedContent
from atsam_safe.volume import Metadata, Volume, primitives

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SCOPE = (ScopeEntry(path="/Library/Galss", kind="tree"),)
OLD = 1_500_000_000_000_000_000
CONTENT = {f"{number:06d}": b"%d" % number * (number * 1000) for number in range(1, 8)}


@pytest.fixture
def volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Volume]:
    monkeypatch.setattr(staged, "WORTHWHILE", 1)
    (tmp_path / "root/staging").mkdir(parents=True)
    (tmp_path / "root/Library/Galss").mkdir(parents=True)
    with Volume(tmp_path / "root") as opened:
        yield opened


def placed(volume: Volume) -> StagedContent:
    """Staged, read back, and put in place with the time of a package."""
    content = StagedContent(volume, "/staging")
    for name, data in CONTENT.items():
        (volume.root / "staging" / name).write_bytes(data)
    content.start()
    content.finish()
    for name in CONTENT:
        volume.place_file(volume.root / "staging" / name, f"/Library/Galss/{name}", Metadata(mode=0o644, mtime_ns=OLD))
    return content


def digest(volume: Volume, content: StagedContent) -> str:
    entries = list_scope(volume, SCOPE)
    return digest_of(read_states(volume, entries, known=content.known(entries)))


def test_nothing_is_read_twice_and_the_digest_is_the_same(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    content = placed(volume)
    known = content.known(list_scope(volume, SCOPE))
    assert {path: sha256 for path, (_, sha256) in known.items()} == {
        f"/Library/Galss/{name}": hashlib.sha256(data).hexdigest() for name, data in CONTENT.items()
    }
    whole = scope_digest(volume, SCOPE)
    monkeypatch.setattr(primitives, "read_into", lambda *_: 0)  # whoever reads now finds every file empty
    assert scope_digest(volume, SCOPE) != whole
    assert digest(volume, content) == whole


def overwrite(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.write(b"other")


def replace(path: Path) -> None:
    size = path.stat().st_size
    path.with_name("new").write_bytes(b"x" * size)
    path.with_name("new").replace(path)


@pytest.mark.parametrize("change", [overwrite, replace])
def test_what_was_written_since_is_read_again(volume: Volume, change: Callable[[Path], None]) -> None:
    content = placed(volume)
    before = digest(volume, content)
    change(volume.root / "Library/Galss/000003")
    assert "/Library/Galss/000003" not in content.known(list_scope(volume, SCOPE))
    assert digest(volume, content) == scope_digest(volume, SCOPE) != before


def test_a_fault_while_reading_only_costs_time(volume: Volume) -> None:
    content = StagedContent(volume, "/staging")
    (volume.root / "staging/000001").write_bytes(b"x")
    entries = {entry.path: entry for entry in volume.walk("/staging") if entry.kind == "file"}
    (volume.root / "staging/000001").unlink()
    content._run(dict(entries))
    assert content.known({"/a": entries["/staging/000001"]}) == {}


def test_small_runs_start_no_thread(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staged, "WORTHWHILE", 1 << 30)
    content = placed(volume)
    assert content.known(list_scope(volume, SCOPE)) == {}
    assert not [thread for thread in threading.enumerate() if thread.name == "staged-content"]
