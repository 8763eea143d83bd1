"""Which files of a scope change in the course of an ordinary day, by the catalogue that is shipped."""

from __future__ import annotations

import pytest

from atsam_safe.transaction.passing import passing_files
from lab.decisions import shipped_catalogue


@pytest.mark.parametrize(
    ("path", "passing"),
    [
        ("/Library/Receipts/InstallHistory.plist", True),
        ("/Library/Receipts/other.plist", False),
        ("/Library/Caches/santesocial/CPS/1a2b3c", True),
        ("/Library/Caches", False),
        ("/Library/Logs/santesocial/galss/pcsc.log", True),
        ("/Library/Application Support/santesocial/fsv/1.40/table", True),
        ("/Users/dr/Library/Logs/santesocial/CPS/trace.log", True),
        ("/ProgramData/SanteSocial/cps/cache/1a2b3c", True),
        ("/ProgramData/santesocial/CPS/coffre/AC.cer", False),
        ("/Library/Preferences/galss.ini", False),
        ("/Library/Preferences/santesocial/CPS/cps3_pkcs11.conf", False),
        ("/Windows/galss.ini", False),
    ],
)
def test_which_files_change_by_themselves(path: str, *, passing: bool) -> None:
    assert passing_files(shipped_catalogue())(path) is passing
