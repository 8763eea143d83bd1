"""``restore.cmd`` as text: every path of the manifest, none that could become something else in the script's language."""

from __future__ import annotations

import re

import msgspec
import pytest

from atsam_safe.plan.model import ScopeEntry
from atsam_safe.snapshot import batch, powershell
from atsam_safe.snapshot.model import PathState
from atsam_safe.volume.windows_names import unusable
from lab.manifests import manifest

SHA = "ab" + "cd" * 31


def file(path: str, **fields: object) -> PathState:
    return msgspec.structs.replace(PathState(path=path, kind="file", mode=0o600, sha256=SHA), **fields)


def lines(*paths: PathState, **more: object) -> list[str]:
    text = batch.render(manifest(*paths, **more)).decode()  # type: ignore[arg-type]  # fields of the manifest
    assert text.count("\n") == text.count("\r\n")  # a batch file with bare line feeds loses its labels
    return text.split("\r\n")


def test_a_file_is_checked_first_and_placed_by_its_digest() -> None:
    found = lines(file("/Windows/galss.ini"))
    checked = found.index("call :object")
    placed = found.index("call :file")
    assert found[checked - 1 : checked + 2] == [f'set "o=ab\\{"cd" * 31}"', "call :object", "if errorlevel 1 goto damaged"]
    assert found[placed - 2] == 'set "p=%root%\\Windows\\galss.ini"'
    assert checked < found.index(":verified") < placed


def test_a_per_cent_sign_begins_no_variable_and_accents_choose_their_code_page() -> None:
    found = lines(file("/ProgramData/100%TEMP% d'été.cer"))
    assert 'set "p=%root%\\ProgramData\\100%%TEMP%% d\'été.cer"' in found
    assert '"%SystemRoot%\\System32\\chcp.com" 65001 >nul' in found
    assert '"%SystemRoot%\\System32\\chcp.com" 65001 >nul' not in lines(file("/a"))


@pytest.mark.parametrize("path", ['/a" & del C:\\ & "', "/a\nb", "/con", "/x/COM1.txt", "/a/b:c", "/a.", "/nul.x/y", "/conout$"])
def test_what_no_windows_can_hold_is_left_out(path: str) -> None:
    assert unusable(path)
    assert "call :file" not in lines(file(path))
    assert all(re.fullmatch(r'set "\w+=[^"]*"|(?!set ).*', line) for line in lines(file(path), file("/ok")))


def test_folders_come_before_files_and_what_was_absent_goes_deepest_first() -> None:
    found = lines(
        PathState(path="/a", kind="directory", mode=0o700),
        PathState(path="/a/b", kind="absent"),
        PathState(path="/a/b/c", kind="absent"),
        file("/a/x", xattrs={"windows.attributes": b"HS".hex()}, mode=0o400),
        scope=(ScopeEntry(path="/a/b", kind="directory"), ScopeEntry(path="/a/b/c", kind="file")),
        ancestors=(PathState(path="/", kind="directory", mode=0o700),),
    )
    body = found[found.index(":files") : found.index(":done")]
    told = [line for line in body if line.startswith(("call :gone", "call :folder", "call :file"))]
    assert told[:2] == ["call :gone", "call :gone"]
    assert body.index('set "p=%root%\\a\\b\\c"') < body.index('set "p=%root%\\a\\b"')
    assert told[-1] == "call :file"
    assert '"%bin%\\attrib.exe" +h +s +r "%p%" >nul 2>&1' in found


def test_every_label_that_is_jumped_to_exists_once() -> None:
    found = lines(file("/a"))
    labels = [line[1:] for line in found if line.startswith(":")]
    assert len(labels) == len(set(labels))
    assert {*re.findall(r"(?:goto|call) :?(\w+)", "\n".join(line for line in found if not line.startswith(("rem", "echo"))))} <= set(labels)


def test_scripts_of_earlier_versions_are_still_ours() -> None:
    assert powershell.is_ours(powershell.SCRIPT)
    assert not powershell.is_ours(powershell.SCRIPT + b"\n")
    assert len(powershell._EARLIER) == 5
