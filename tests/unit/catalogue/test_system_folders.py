"""Which folders are everybody's: one list, asked by the plan and by the steps that carry it out."""

from __future__ import annotations

import pytest

from atsam_safe.catalogue.system_folders import is_system_folder


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/Applications",
        "/applications/",
        "/Volumes",
        "/opt",
        "/anything-at-the-root",
        "/System/Library",
        "/Library/Security/tokend",
        "/Library/Application Support/Google",
        "/private/var/db/receipts",
        "/usr/local/etc",
        "/Users/docteur",
        "/Users/docteur/Applications",
        "/Users/docteur/Library",
        "/Users/docteur/Library/Keychains",
        "/Users/docteur/Library/LaunchAgents/",
        "//Library//./Frameworks",
        "/LIBRARY/preferences",
    ],
)
def test_everybody_s_folders(path: str) -> None:
    assert is_system_folder(path)


@pytest.mark.parametrize(
    "path",
    [
        "/Library/Application Support/Galss",
        "/Library/Application Support/santesocial",
        "/Library/Frameworks/galssosx.framework",
        "/Applications/cpgesosx.app",
        "/usr/local/lib/libcps3_pkcs11_osx.dylib",
        "/Users/docteur/Library/Logs/santesocial",
        "/Users/docteur/Library/Preferences/fr.sesamvitale.diagAM.plist",
    ],
)
def test_what_is_a_component_s(path: str) -> None:
    assert not is_system_folder(path)
