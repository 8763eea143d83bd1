"""Clocks that lie: nothing depends on the time of day but the words in a report and the judgement of a certificate without time stamp."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from atsam_safe.snapshot.prune import choose
from faults.fingerprint import differences, fingerprint
from faults.hostile import product
from lab.authority import Authority
from lab.catalogue import write_test_manifests
from lab.workstation import fsv, lay_out

if TYPE_CHECKING:
    from collections.abc import Sequence

FAKETIME = Path("/usr/bin/faketime")
PROJECT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.needs("faketime")]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clock")
    authority = Authority.create()
    (folder / "stamped.pkg").write_bytes(product(authority.signer()))
    (folder / "unstamped.pkg").write_bytes(product(authority.signer(timestamp_at=None)))
    write_test_manifests(folder / "catalogue", authority.trust())
    lay_out(folder / "poste", os_version="10.14.6", users=("docteur",), neighbours=(fsv(),), hardware="x86_64")
    return folder


def at(moment: str, place: Path, root: Path, *arguments: str, zone: str = "Europe/Paris") -> dict[str, Any]:
    """Run the program at a moment that is not."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "src"), "TZ": zone, "LC_ALL": "C.UTF-8"}
    program = [sys.executable, "-m", "atsam_safe", "--json", "--manifests", str(place / "catalogue"), "--root", str(root)]
    done = subprocess.run([str(FAKETIME), "-f", f"@{moment}", *program, *arguments], capture_output=True, check=False, env=environment)
    answer: dict[str, Any] = msgspec.json.decode(done.stdout)
    assert answer["exit_code"] == done.returncode
    assert b"Traceback" not in done.stderr
    return answer


def fresh(place: Path, folder: Path) -> Path:
    subprocess.run(["/bin/cp", "-a", str(place / "poste"), str(folder / "poste")], check=True)
    return folder / "poste"


JUMPS: dict[str, Sequence[str]] = {
    "1970": ("1970-01-02 00:00:00", "1970-01-02 00:00:05"),
    "far future": ("2099-06-01 12:00:00", "2099-06-01 12:00:05"),
    "after the 32-bit end": ("2038-01-19 04:14:05", "2038-01-19 04:14:15"),
    "one hour back": ("2026-11-23 12:00:00", "2026-11-23 11:00:00"),
    "back to 1970": ("2026-11-23 12:00:00", "1970-01-02 00:00:00"),
    "two years forward": ("2026-11-23 12:00:00", "2028-11-23 12:00:00"),
    "summer time begins": ("2026-03-29 01:59:58", "2026-03-29 03:00:02"),
    "summer time ends": ("2026-10-25 02:59:58", "2026-10-25 02:00:02"),
}


@pytest.mark.parametrize("name", JUMPS)
def test_a_jump_of_the_clock_changes_nothing_that_counts(name: str, place: Path, tmp_path: Path) -> None:
    first, second = JUMPS[name]
    root = fresh(place, tmp_path)
    before = fingerprint(root)
    done = at(first, place, root, "--yes", "install", str(place / "stamped.pkg"))
    assert done["data"]["transaction"]["outcome"] == "committed"
    assert at(second, place, root, "recover")["data"]["nothing_to_do"]
    after = fingerprint(root)
    assert at(second, place, root, "--yes", "rollback")["exit_code"] == 0
    assert differences(fingerprint(root), before) == ()
    assert at(first, place, root, "--yes", "rollback")["exit_code"] == 0
    assert differences(fingerprint(root), after) == ()
    listed = [item["sequence"] for item in at(second, place, root, "snapshots", "list")["data"]["snapshots"]]
    assert listed == sorted(listed, reverse=True)
    assert len(listed) == 3
    pruned = at(first, place, root, "--yes", "snapshots", "prune", "--keep", "1")["data"]["prune"]
    assert listed[0] in {int(identifier[:6]) for identifier in pruned["kept"]}
    assert at(second, place, root, "snapshots", "check")["exit_code"] == 0


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2017-01-01 00:00:00", "package.certificate-not-yet-valid"),
        ("2020-01-01 00:00:00", None),
        ("2024-01-01 00:00:00", "package.expired-certificate"),
        ("1970-01-02 00:00:00", "package.certificate-not-yet-valid"),
    ],
)
def test_without_a_time_stamp_the_clock_decides(moment: str, expected: str | None, place: Path, tmp_path: Path) -> None:
    root = fresh(place, tmp_path)
    before = fingerprint(root)
    answer = at(moment, place, root, "check", str(place / "unstamped.pkg"))
    packages = [package for rule in answer["data"]["rules"] for package in rule["evidence"].get("packages", [])]
    refs = {reason["ref"] for package in packages for reason in package["reasons"]}
    assert expected is None or expected in refs, answer["errors"]
    assert answer["exit_code"] == (12 if expected else 0)
    assert fingerprint(root) == before


@pytest.mark.parametrize("moment", ["1970-01-02 00:00:00", "2017-01-01 00:00:00", "2026-11-23 00:00:00", "2099-01-01 00:00:00"])
def test_with_a_time_stamp_it_does_not(moment: str, place: Path, tmp_path: Path) -> None:
    assert at(moment, place, fresh(place, tmp_path), "check", str(place / "stamped.pkg"))["exit_code"] == 0


def test_a_snapshot_from_the_future_is_new_never_old() -> None:
    """The rule of retention itself, without a clock."""
    from atsam_safe.snapshot.model import KeepPolicy, Manifest  # noqa: PLC0415 - this test alone needs them

    def made(sequence: int, seconds: int) -> Manifest:
        return Manifest(
            format=1,
            id=f"{sequence:06d}-20260101T000000Z-0000",
            sequence=sequence,
            label="",
            reason="",
            run_id="",
            created_at="",
            created_seconds=seconds,
            program="",
            made_for="/",
            important=False,
            digest="",
            files=0,
            bytes=0,
            script_sha256="",
            scope=(),
            ancestors=(),
            paths=(),
        )

    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC).timestamp()
    snapshots = [made(1, 0), made(2, int(now) + 10**9), made(3, 0)]
    going = choose(snapshots, KeepPolicy(count=1, days=30), now=now, protected=frozenset())
    assert going == (snapshots[0].id,)
