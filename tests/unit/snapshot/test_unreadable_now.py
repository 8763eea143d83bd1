"""A store of which the system lets something not be read at this moment: nothing is known of it, and nothing is decided from that."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from atsam_safe.snapshot.manifest import ManifestUnreadableError
from atsam_safe.volume import primitives
from atsam_safe.words.model import WorkstationError
from lab.kept_volume import Bench

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("number", "reason"),
    [(errno.EIO, "volume.io-error"), (errno.EMFILE, "volume.too-many-open"), (errno.EACCES, "volume.not-permitted")],
)
def test_a_manifest_that_cannot_be_read_now_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, reason: str
) -> None:
    """« Damaged, use another snapshot, have the disk checked » was said of a sound one when a single call failed."""
    (tmp_path / "root").mkdir()
    bench = Bench(tmp_path / "root")
    first, last = bench.keep(), bench.keep()
    real = primitives.open_read

    def refuse(name: str, folder: int) -> int:
        if name in unreadable:
            raise OSError(number, os.strerror(number))
        return real(name, folder)

    monkeypatch.setattr(primitives, "open_read", refuse)
    unreadable = {"manifest.json"}
    with pytest.raises(ManifestUnreadableError) as caught:
        bench.store.manifest(last.id)
    assert [problem.ref for problem in caught.value.problems] == ["snapshot.manifest-unreadable", reason]
    assert bench.refs() == {"snapshot.manifest-unreadable", reason}
    assert {problem.ref for problem in bench.store.damaged().values()} == {"snapshot.manifest-unreadable"}
    unreadable = {"latest", "restore.sh"}
    assert bench.refs() == {reason}
    with pytest.raises(WorkstationError):
        bench.store.latest()
    # a damaged pointer is written anew from what it points into, but never past a snapshot of which nothing is known at this moment
    (bench.state.path / "latest").write_bytes(b"nonsense")
    unreadable = {"manifest.json"}
    with pytest.raises(ManifestUnreadableError):
        bench.store.clear_leftovers()
    unreadable = set()
    bench.store.clear_leftovers()
    assert bench.store.latest() == last.id != first.id
    assert bench.refs() == set()
    bench.state.close()
    bench.volume.close()
