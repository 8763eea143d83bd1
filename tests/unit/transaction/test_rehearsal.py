from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.facts.model import Facts, OperatingSystem, PathFact
from atsam_safe.snapshot import scope_digest
from atsam_safe.transaction import VerificationOutcome
from atsam_safe.transaction.rehearsal import copy_to_scratch, rehearse
from atsam_safe.volume import Volume
from lab.heart import CONFIGURATION, FOLDER, OLD_FILES, NoPackages, PlainWorkstation, install_plan, lay_out
from lab.scopes import SCOPE, fill

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.workstation.port import Workstation

FACTS = Facts(
    adapter="offline",
    os=OperatingSystem(family="macos", version="10.14.6"),
    paths=(PathFact(path="/usr/local/foreign", kind="file", mode=0o644, uid=0, gid=0),),
)


def everything(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_ino, path.lstat().st_mtime_ns) for path in root.rglob("*")}


def test_a_rehearsal_runs_for_real_elsewhere_and_leaves_no_trace(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    lay_out(root)
    before = everything(root)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    seen: dict[str, object] = {}

    def look(workstation: Workstation) -> VerificationOutcome:
        seen["new"] = workstation.volume.exists(f"{FOLDER}/bin/galsvr")
        seen["foreign"] = workstation.volume.read_bytes("/usr/local/foreign", 100)
        seen["root"] = workstation.volume.root
        return VerificationOutcome(ok=True)

    with Volume(root) as volume:
        result = rehearse(
            install_plan(),
            FACTS,
            volume=volume,
            packages=NoPackages(),
            open_workstation=PlainWorkstation,
            verification=look,
            scratch=scratch,
        )
    assert result.transaction.outcome == "committed"
    assert seen["new"] is True
    assert seen["foreign"] == b"not ours"
    assert str(seen["root"]).startswith(str(scratch))
    assert list(scratch.iterdir()) == []
    assert everything(root) == before
    with Volume(root) as volume:
        kept = sum(len(content) for content in OLD_FILES.values()) + len(volume.read_bytes(CONFIGURATION, 100))
    assert result.bytes_kept == kept
    assert result.bytes_copied == kept + len(b"not ours")
    assert result.bytes_needed >= kept + result.transaction.bytes_reserved


def test_a_rehearsal_that_fails_is_thrown_away_too(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    lay_out(root)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with Volume(root) as volume:
        result = rehearse(
            install_plan(residue=("/usr/local/foreign",)),
            FACTS,
            volume=volume,
            packages=NoPackages(),
            open_workstation=PlainWorkstation,
            verification=lambda _: VerificationOutcome(ok=True),
            scratch=scratch,
        )
    assert result.transaction.outcome == "rolled-back"
    assert list(scratch.iterdir()) == []


def test_the_copy_is_faithful(tmp_path: Path) -> None:
    for name in ("source", "target"):
        (tmp_path / name).mkdir()
    fill(tmp_path / "source")
    with Volume(tmp_path / "source") as source, Volume(tmp_path / "target") as target:
        copy_to_scratch(source, target, SCOPE)
        assert scope_digest(target, SCOPE) == scope_digest(source, SCOPE)
