"""What cannot be read again is never relied upon, and no time of a file looks like the absence of one."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from atsam_safe.plan.model import ScopeEntry
from atsam_safe.snapshot import SnapshotStore, manifest, open_state
from atsam_safe.transaction import run_transaction
from atsam_safe.volume import Volume
from atsam_safe.words.model import RefusedError
from lab.heart import NoPackages, PlainWorkstation
from lab.heart_runs import PLAN, digest, prepared

if TYPE_CHECKING:
    from pathlib import Path

SHOW = "import resource; from atsam_safe.__main__ import _allow_many_files as f; f(); print(*resource.getrlimit(resource.RLIMIT_NOFILE))"


def test_a_list_too_long_to_be_read_again_is_refused_with_nothing_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run had committed, or failed to « not everything could be put back », on a snapshot that nobody could ever read."""
    root, before = prepared(tmp_path)
    monkeypatch.setattr(manifest, "MANIFEST_LIMIT", 1000)
    with open_state(root) as state:
        with pytest.raises(RefusedError) as caught:
            run_transaction(PLAN, workstation=PlainWorkstation(root), packages=NoPackages(), state=state)
        assert [problem.ref for problem in caught.value.problems] == ["snapshot.too-many-files"]
        assert SnapshotStore(state).identifiers() == ()
        assert list((state.path / "snapshots").iterdir()) == []
    assert digest(root) == before


@pytest.mark.parametrize("by", ["program", "script"])
@pytest.mark.parametrize("name", ["file", "folder"])
def test_a_time_just_before_1970_is_a_time(tmp_path: Path, name: str, by: str) -> None:
    root = tmp_path / "root"
    (root / "opt/kept/folder").mkdir(parents=True)
    (root / "Library/Application Support").mkdir(parents=True)
    place = root / "opt/kept" / name
    (root / "opt/kept/file").write_bytes(b"x")
    os.utime(place, ns=(-1, -1))
    with open_state(root) as state, Volume(root) as volume:
        store = SnapshotStore(state)
        kept = store.create(volume, [ScopeEntry(path="/opt/kept", kind="tree")], label="", run_id="run", reason="")
        os.utime(place, ns=(10**18, 10**18))
        if by == "script":
            script = state.path / "snapshots" / kept.id / "restore.sh"
            subprocess.run(["/bin/sh", str(script), str(root)], check=True, capture_output=True)
        assert store.restore(volume, kept.id).proven
    assert place.stat().st_mtime_ns // 10**9 == -1


@pytest.mark.parametrize(("limits", "soft"), [("ulimit -Sn 256", 8192), ("ulimit -Sn 256; ulimit -Hn 1024", 1024), ("ulimit -n 64", 64)])
def test_as_many_files_may_be_open_as_the_system_grants(limits: str, soft: int) -> None:
    command = f"{limits}; exec {shlex.join([sys.executable, '-c', SHOW])}"
    told = subprocess.run(["/bin/sh", "-c", command], check=True, capture_output=True, text=True).stdout.split()
    assert int(told[0]) == soft
