"""On every Mac since 10.15 the root is a sealed, read-only volume; the program must look, change, sync and go back on the one beside it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from atsam_safe.volume import Volume, primitives
from lab.macos.sealed import sealed
from lab.stage_fixtures import materials, stage
from lab.worlds import MacWorld

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.stage import Stage

__all__ = ["materials", "stage"]

pytestmark = pytest.mark.needs("mounts")


@pytest.fixture
def mac(stage: Stage) -> Iterator[MacWorld]:
    """A sealed laboratory Mac on which ATSAM 4.50 is right."""
    mac = MacWorld(stage, version="10.15.7")
    with sealed(mac.root):
        yield mac


def test_a_sealed_mac_is_changed_and_brought_back(mac: MacWorld) -> None:
    with pytest.raises(OSError, match="Read-only"):
        (mac.root / "System/x").mkdir()
    before = mac.fingerprint()
    answer = mac.run("--json", "--yes", "install", mac.package("ATSAM-4.50.pkg"))
    assert answer.code == 0, answer.out[-3000:]
    assert mac.run("--json", "--yes", "rollback").code == 0
    assert mac.fingerprint() == before


def test_a_failed_installation_on_a_sealed_mac_goes_back(mac: MacWorld) -> None:
    before = mac.fingerprint()
    mac.mac.lab.set(misbehave={"installer": "dies-in-script"})
    assert mac.run("--json", "--yes", "install", mac.package("ATSAM-4.50.pkg")).code == 20
    assert mac.fingerprint() == before


def test_a_barrier_reaches_every_file_system_that_is_written(mac: MacWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(primitives, "sync_volume", lambda fd: synced.append(os.fstat(fd).st_dev))
    with Volume(mac.root) as volume:
        volume.barrier()
        assert volume.is_writable()
    written = {(mac.root / name).stat().st_dev for name in ("Library", "private/var", "usr/local", "Users", "Applications")}
    assert set(synced) == written
    assert len(synced) == len(written)
