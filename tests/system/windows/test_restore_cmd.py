"""``restore.cmd`` really run by a ``cmd.exe`` (Wine's): the way back without this program."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from atsam_safe.plan.model import ScopeEntry
from atsam_safe.snapshot import batch
from atsam_safe.snapshot.model import PathState
from atsam_safe.volume.state_place import RESERVE, RESERVE_BESIDE
from lab.manifests import manifest
from lab.windows import certutil, installers, wine
from lab.windows.practice import INI, STATE

if TYPE_CHECKING:
    from lab.windows.practice import Practice

pytestmark = [pytest.mark.wine, pytest.mark.system, pytest.mark.slow]


def without_times(found: dict[str, Any]) -> dict[str, Any]:
    """Contents alone: nothing that every Windows has can set the time of a file."""
    return {path: told[1] if isinstance(told, tuple) else told for path, told in found.items()}


def state_of(practice: Practice) -> dict[str, Any]:
    return {**without_times(practice.files()), **practice.beyond()}


def script(practice: Practice, *arguments: str) -> tuple[int, str]:
    """Run the latest snapshot's script as a technician would."""
    latest = (practice.drive / STATE / "latest").read_text().strip()
    return run_script(practice, latest, *arguments)


def run_script(practice: Practice, snapshot: str, *arguments: str) -> tuple[int, str]:
    place = f"C:\\{STATE}\\snapshots\\{snapshot}\\restore.cmd".replace("/", "\\")
    run = (
        "import subprocess; done = subprocess.run(given, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT);"
        " answer = [done.returncode, done.stdout.decode('cp850')]"
    )
    status, said = practice.windows.evaluate(run, ["C:\\windows\\system32\\cmd.exe", "/d", "/c", place, *arguments])
    return status, said


def test_the_script_alone_brings_the_state_before_back(practice: Practice) -> None:
    """A damaged snapshot touches nothing; a whole one brings back products, files and keys, and a second run finds nothing to do."""
    certutil.install(practice.drive, wine.PYTHON)
    practice.reset()
    odd = practice.drive / "ProgramData/santesocial/cps/coffre/copie d'une cle & (2) ^!.cer"
    odd.parent.mkdir(parents=True, exist_ok=True)
    odd.write_bytes(b"kept")
    before = state_of(practice)
    practice.ask("install", practice.windows.path(practice.new))
    (practice.drive / INI).write_bytes(b"broken")
    odd.unlink()
    after = state_of(practice)
    latest = practice.drive / STATE / "snapshots" / (practice.drive / STATE / "latest").read_text().strip()
    # the very first that the script looks at: each look costs a start of the Windows Python here
    first = next(line for line in (latest / "restore.cmd").read_text().splitlines() if line.startswith('set "o='))
    damaged = practice.drive / STATE / "objects" / first[7:-1].replace("\\", "/")
    content = damaged.read_bytes()
    damaged.write_bytes(content + b"?")
    reserves = (practice.drive / STATE / RESERVE, practice.drive / STATE / RESERVE_BESIDE)
    for reserve in reserves:
        reserve.write_bytes(bytes(1000))
    status, said = script(practice)
    assert (status, said.splitlines()[-1]) == (1, "STOP: content missing or damaged in the snapshot, nothing is touched."), said
    assert state_of(practice) == after
    assert all(reserve.exists() for reserve in reserves)
    damaged.write_bytes(content)
    status, said = script(practice)
    assert (status, said.splitlines()[-1]) == (0, "Termine. / Done."), said
    assert not any(reserve.exists() for reserve in reserves)
    assert state_of(practice) == before


def test_a_product_that_is_refused_keeps_neither_the_others_nor_the_files_away(practice: Practice) -> None:
    """It is named and the script ends 1; run again once the cause is gone, it ends what it began."""
    certutil.install(practice.drive, wine.PYTHON)
    practice.reset()
    before = state_of(practice)
    practice.ask("install", practice.windows.path(practice.new))
    (practice.drive / INI).write_bytes(b"broken")
    latest = practice.drive / STATE / "snapshots" / (practice.drive / STATE / "latest").read_text().strip()
    listed = (latest / "system/products.list").read_text("ascii").splitlines()
    code, _package, digest, name = next(line for line in listed if "cryptolib" in line).split(" ", 3)
    # a folder in its place: the package cannot be copied there, and Windows Installer opens none
    (practice.drive / STATE / "packages" / digest / name).mkdir(parents=True)
    status, said = script(practice)
    last = "STOP: what is named above is not put back. Correct the cause, then run this script again."
    assert (status, said.splitlines()[-1]) == (1, last), said
    assert f"not put back: {name}" in said
    found = state_of(practice)
    assert {file: told for file, told in found.items() if file not in {"products", "keys"}} == {
        file: told for file, told in before.items() if file not in {"products", "keys"}
    }
    assert found["keys"] == before["keys"]
    assert found["products"] == {one: told for one, told in before["products"].items() if one != code}
    shutil.rmtree(practice.drive / STATE / "packages" / digest)
    status, said = script(practice)
    assert (status, said.splitlines()[-1]) == (0, "Termine. / Done."), said
    assert state_of(practice) == before


@pytest.mark.parametrize("before", [None, b"ours"], ids=["absent", "a file"])
def test_the_script_never_takes_a_folder_in_the_place_of_a_file(practice: Practice, before: bytes | None) -> None:
    """Once what lay in such a folder went with ``del``, which takes a folder's name for all that is in it."""
    certutil.install(practice.drive, wine.PYTHON)
    sha256 = None if before is None else hashlib.sha256(before).hexdigest()
    wanted = PathState(path="/windows/tool.ini", kind="absent" if before is None else "file", mode=0o600, sha256=sha256)
    name = "000001-20261126T000000Z-abcd"
    folder = practice.drive / STATE / "snapshots" / name
    folder.mkdir(parents=True)
    (folder / batch.NAME).write_bytes(batch.render(manifest(wanted, scope=(ScopeEntry(path=wanted.path, kind="file"),))))
    if sha256 is not None:
        content = practice.drive / STATE / "objects" / sha256[:2] / sha256[2:]
        content.parent.mkdir(parents=True, exist_ok=True)
        content.write_bytes(before or b"")
    place = practice.drive / "windows/tool.ini"
    place.mkdir()
    beside = practice.drive / STATE / RESERVE_BESIDE
    beside.mkdir()
    (beside / "data").write_bytes(b"somebody else's")
    (place / "data").write_bytes(b"somebody else's")
    try:
        status, said = run_script(practice, name)
        assert status == (0 if before is None else 1), said
        assert ("folder not empty, left:" in said) is (before is None), said
        assert (place / "data").read_bytes() == (beside / "data").read_bytes() == b"somebody else's"
        (place / "data").unlink()
        status, said = run_script(practice, name)
        assert (status, said.splitlines()[-1]) == (0, "Termine. / Done."), said
        assert not place.exists() if before is None else place.read_bytes() == before
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(beside)
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)


def test_the_script_puts_several_products_of_one_component_back_from_the_oldest_up(practice: Practice) -> None:
    """Each would be refused over a newer one; the newest of them is there already when the script begins."""
    certutil.install(practice.drive, wine.PYTHON)
    practice.reset()
    practice.remove(installers.OLD_SET[1])
    practice.add("several", installers.SEVERAL_CRYPTOLIBS)
    before = state_of(practice)
    practice.ask("install", practice.windows.path(practice.new))
    status, said = script(practice)
    assert (status, said.splitlines()[-1]) == (0, "Termine. / Done."), said
    assert state_of(practice) == before
