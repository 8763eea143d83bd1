"""What a module finds around it: on Windows nothing of a place that any user may fill, and nothing a person's variables say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from atsam_safe.cards.request import Circumstances, ladder_request
from atsam_safe.cards.shown import module_path
from atsam_safe.cards.surroundings import surroundings, windows_surroundings
from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.facts.model import Facts, OperatingSystem, ProcessFact

SYSTEM = r"C:\Windows\system32"
GALSS = r"C:\Program Files\santesocial\galss"
HOSTILE = {"PATH": r"C:\bin;.", "SystemRoot": r"C:\mine", "windir": r"C:\mine", "OPENSC_CONF": r"C:\mine\opensc.conf", "SECRET": "x"}
FOLDERS = {
    "WINDIR": r"C:\Windows",
    "ProgramFiles": r"C:\Program Files",
    "ProgramFiles(x86)": r"C:\Program Files (x86)",
    "SANTESOCIAL": r"C:\ProgramData\santesocial",
}


@pytest.mark.parametrize(
    ("libraries", "path"),
    [
        ((), rf"{SYSTEM};C:\Windows"),
        ((GALSS,), rf"{SYSTEM};C:\Windows;{GALSS}"),
        ((".", "bin", r"\bin", r"C:bin", r"C:\a;C:\bin", r"\\server\share"), rf"{SYSTEM};C:\Windows"),
    ],
)
def test_the_search_path_on_windows_is_the_systems_own(libraries: tuple[str, ...], path: str) -> None:
    r"""It was the interpreter's default, ``.;C:\bin``, in the root of the drive: anybody's library would have been loaded."""
    found = windows_surroundings(HOSTILE, SYSTEM, {}, libraries)
    assert (found.environment["PATH"], found.folder) == (path, SYSTEM)
    assert (found.environment["SystemRoot"], found.environment["windir"]) == (r"C:\Windows", r"C:\Windows")
    assert not {"OPENSC_CONF", "SECRET"} & set(found.environment)


def test_elsewhere_the_folder_is_the_root_and_the_path_has_no_present_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", ".:/tmp")
    found = surroundings({"CARD": "x"})
    assert found.folder == "/"
    assert all(part.startswith("/") for part in found.environment["PATH"].split(os.pathsep))
    assert found.environment["CARD"] == "x"


def test_on_windows_the_registry_says_where_things_are_and_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person sets ``WINDIR`` for himself, and the library below it would have been loaded with an administrator's rights."""
    monkeypatch.setenv("WINDIR", r"C:\mine")
    monkeypatch.setenv("ALLUSERSPROFILE", r"C:\mine")
    facts = Facts(
        adapter="windows",
        os=OperatingSystem(family="windows", hardware="x86_64"),
        folders=FOLDERS,
        processes=(ProcessFact(path=r"C:\Program Files (x86)\DmpConnect-JS2\dmpconnect-js2.exe", pid=7),),
    )
    request = ladder_request(load_catalogue(), "windows", Circumstances(), facts=facts)
    assert request.middleware is not None
    assert module_path(request, request.middleware) == Path(r"C:\Windows\System32\cps3_pkcs11_w64.dll")
    assert [str(path) for path in request.authority_folders] == [r"C:\ProgramData\santesocial\CPS\coffre"]
    assert str(request.galss_ini) == r"C:\Windows\galss.ini"
    assert request.libraries == (GALSS,)
    assert request.programs == ("dmpconnect-js2.exe",)
