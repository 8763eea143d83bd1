"""What a change could not keep or bring back: found by looking, all of it at once; and FIFOs, which are nobody's state."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from atsam_safe.plan.model import ScopeEntry
from atsam_safe.snapshot import SnapshotStore, open_state, scope_digest
from atsam_safe.snapshot.keeping import obstacles, unkeepable
from atsam_safe.volume import Volume
from atsam_safe.volume.model import Entry
from lab.scopes import SCOPE, fill, spoil_all_gone

if TYPE_CHECKING:
    from pathlib import Path

FIFO = "opt/tree/galsssrv.fifo"


def device(path: str) -> Entry:
    return Entry(path=path, kind="other", mode=0o600, uid=0, gid=0)


def test_every_obstacle_is_found_at_once_and_the_links_are_named(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "one").symlink_to("/real")
    (tmp_path / "two").symlink_to("real")
    os.mkfifo(tmp_path / "real" / "named")
    scope = tuple(ScopeEntry(path=path, kind="file") for path in ("/one/a", "/one/b", "/real/named"))
    with Volume(tmp_path) as volume:
        found = {problem.ref: problem for problem in obstacles(volume, scope, ("/two/c", "/real/d"))}
        assert obstacles(volume, (ScopeEntry(path="/real", kind="directory"),), ("/real/d",)) == ()
    assert found.keys() == {"volume.link-in-the-way", "snapshot.special-file"}
    assert found["volume.link-in-the-way"].evidence["links"] == {"/one": "/real", "/two": "real"}
    assert found["volume.link-in-the-way"].params["count"] == "3"
    assert found["snapshot.special-file"].params["path"] == "/real/named"


def test_a_device_is_refused_wherever_it_is_and_a_fifo_where_a_path_is_named() -> None:
    fifo = Entry(path="/t/fifo", kind="other", mode=0o600, uid=0, gid=0, fifo=True)
    for entries, named, refused in (
        ({"/t/null": device("/t/null")}, set[str](), ["/t/null"]),
        ({"/t/fifo": fifo}, set[str](), []),
        ({"/t/fifo": fifo}, {"/t/fifo"}, ["/t/fifo"]),
        ({"/t/fifo": fifo, "/t/null": device("/t/null")}, set[str](), ["/t/null"]),
    ):
        assert [path for problem in unkeepable(entries, named) for path in problem.evidence["paths"]] == refused


@pytest.mark.parametrize("by_hand", [False, True], ids=["program", "script"])
@pytest.mark.parametrize("gone", [False, True])
def test_a_fifo_that_was_there_is_left_alone_and_a_new_one_goes(tmp_path: Path, *, by_hand: bool, gone: bool) -> None:
    """GALSS keeps FIFOs in folders of its own and makes them anew: they stop no snapshot, and no proof asks for them."""
    fill(tmp_path)
    os.mkfifo(tmp_path / FIFO)
    with open_state(tmp_path) as state, Volume(tmp_path) as volume:
        store = SnapshotStore(state)
        kept = store.create(volume, SCOPE, label="before", run_id="run", reason="test")
        before = scope_digest(volume, SCOPE)
        assert before == kept.digest
        if gone:
            spoil_all_gone(tmp_path)
        else:
            os.mkfifo(tmp_path / "opt/tree/another.fifo")
            (tmp_path / "opt/tree/new").write_bytes(b"new")
        if by_hand:
            script = state.path / "snapshots" / kept.id / "restore.sh"
            subprocess.run(["/bin/sh", str(script), str(tmp_path)], check=True, capture_output=True)
        else:
            assert store.restore(volume, kept.id).proven
        assert scope_digest(volume, SCOPE) == before
        assert not (tmp_path / "opt/tree/another.fifo").exists()
        if not gone:
            assert stat.S_ISFIFO((tmp_path / FIFO).lstat().st_mode)


def test_a_file_in_the_place_of_a_fifo_goes_again(tmp_path: Path) -> None:
    fill(tmp_path)
    os.mkfifo(tmp_path / FIFO)
    with open_state(tmp_path) as state, Volume(tmp_path) as volume:
        store = SnapshotStore(state)
        kept = store.create(volume, SCOPE, label="before", run_id="run", reason="test")
        (tmp_path / FIFO).unlink()
        (tmp_path / FIFO).write_bytes(b"a file of a package")
        report = store.restore(volume, kept.id)
        assert (report.proven, (tmp_path / FIFO).exists()) == (True, False)
        shutil.rmtree(tmp_path / "opt/tree")
        assert store.restore(volume, kept.id).proven
