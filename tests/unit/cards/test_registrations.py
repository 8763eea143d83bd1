from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

import pytest

from atsam_safe.cards import desktop
from atsam_safe.cards.desktop import (
    card_database_windows,
    certificate_manager_windows,
    desktop_checks,
    firefox_macos,
    firefox_windows,
    native_messaging_macos,
    token_extension_macos,
)
from atsam_safe.cards.request import Circumstances, Installed, choose_middleware, ladder_request
from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.facts.model import Facts, OperatingSystem, TokenExtensionFact

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.cards.galss_align import Family

MODULE = "/usr/local/lib/libcps3_pkcs11_osx.dylib"


class Registry:
    """A registry held in a dictionary: key → name → value."""

    def __init__(self, content: dict[str, dict[str, str]]) -> None:
        self._content = content

    def value(self, key: str, name: str) -> str | None:
        return self._content.get(key, {}).get(name)

    def subkeys(self, key: str) -> tuple[str, ...] | None:
        below = tuple(found[len(key) + 1 :] for found in self._content if found.startswith(key + "\\"))
        return below or (() if key in self._content else None)


def write(root: Path, path: str, text: str = "") -> None:
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")


class TestFirefoxOnMacOs:
    def test_without_firefox_it_does_not_apply(self, tmp_path: Path) -> None:
        assert firefox_macos(tmp_path, MODULE, ()).outcome == "not-applicable"

    def test_by_native_manifest(self, tmp_path: Path) -> None:
        (tmp_path / "Applications/Firefox.app").mkdir(parents=True)
        manifest = "/Library/Application Support/Mozilla/PKCS11Modules/cps3.json"
        assert firefox_macos(tmp_path, MODULE, ()).outcome == "notice"
        write(tmp_path, manifest, json.dumps({"name": "cps3", "path": MODULE}))
        broken = firefox_macos(tmp_path, MODULE, ())
        assert broken.outcome == "fail"
        assert broken.problem is not None
        assert broken.problem.params == {"path": MODULE}
        write(tmp_path, MODULE)
        assert firefox_macos(tmp_path, MODULE, ()).outcome == "pass"
        write(tmp_path, manifest, "{")
        assert firefox_macos(tmp_path, MODULE, ()).outcome == "fail"

    @pytest.mark.parametrize(
        ("allowed", "profiles", "ref"),
        [
            (["cps@lab"], {"a/extensions/cps@lab.xpi": "", "b/prefs.js": ""}, None),
            (["cps@lab"], {"a/extensions/cps@lab/manifest.json": ""}, None),
            (["old@lab", "cps@lab"], {"a/extensions/cps@lab.xpi": ""}, None),
            (["cps@lab"], {"a/pkcs11.txt": f"library={MODULE}\n"}, None),
            # a manifest alone lets nobody ask for the card: the extension is what loads the module
            (["cps@lab"], {"a/prefs.js": ""}, "configuration.firefox-extension-missing"),
            (["cps@lab"], {"a/extensions/other@lab.xpi": ""}, "configuration.firefox-extension-missing"),
            (["../../a/prefs.js"], {"a/prefs.js": ""}, "configuration.firefox-extension-missing"),
            # nobody's Firefox was seen, or the manifest names no extension: nothing is claimed
            (["cps@lab"], {}, None),
            (None, {"a/prefs.js": ""}, None),
            (7, {"a/prefs.js": ""}, None),
        ],
    )
    def test_by_native_manifest_and_the_extension_it_is_for(
        self, tmp_path: Path, allowed: object, profiles: dict[str, str], ref: str | None
    ) -> None:
        (tmp_path / "Applications/Firefox.app").mkdir(parents=True)
        write(tmp_path, MODULE)
        manifest = {"name": "cps3", "path": MODULE} | ({} if allowed is None else {"allowed_extensions": allowed})
        write(tmp_path, "/Library/Application Support/Mozilla/PKCS11Modules/cps3.json", json.dumps(manifest))
        for path, text in profiles.items():
            write(tmp_path, f"/Users/dr/Library/Application Support/Firefox/Profiles/{path}", text)
        found = firefox_macos(tmp_path, MODULE, ("/Users/dr", "/Users/other"))
        assert (found.outcome, None if found.problem is None else found.problem.ref) == ("notice" if ref else "pass", ref)

    def test_by_policy(self, tmp_path: Path) -> None:
        policies = {"policies": {"SecurityDevices": {"Add": {"CPS": MODULE}}}}
        write(tmp_path, "/Applications/Firefox.app/Contents/Resources/distribution/policies.json", json.dumps(policies))
        assert firefox_macos(tmp_path, MODULE, ()).outcome == "pass"

    @pytest.mark.parametrize("home", ["/Users/dr", "relative"])
    def test_by_a_profile(self, tmp_path: Path, home: str) -> None:
        (tmp_path / "Applications/Firefox.app").mkdir(parents=True)
        write(tmp_path, "/Users/dr/Library/Application Support/Firefox/Profiles/x.default/pkcs11.txt", f"library={MODULE}\nname=CPS\n")
        assert firefox_macos(tmp_path, MODULE, (home,)).outcome == ("pass" if home.startswith("/") else "notice")


CPS_GESTION = f"{desktop.CARD_EXTENSION}.cpstoken"
OTHER = TokenExtensionFact(identifier="com.apple.CryptoTokenKit.pivtoken", state="on")


@pytest.mark.parametrize(
    ("states", "outcome", "ref"),
    [
        (("on",), "pass", None),
        (("off", "on"), "pass", None),
        (("off",), "fail", "configuration.extension-off"),
        (("off", "unknown"), "fail", "configuration.extension-off"),
        (("unknown",), "not-checked", None),
        ((), "notice", "configuration.extension-missing"),
    ],
)
def test_the_token_extension(states: tuple[Literal["on", "off", "unknown"], ...], outcome: str, ref: str | None) -> None:
    found = token_extension_macos((OTHER, *(TokenExtensionFact(identifier=CPS_GESTION, state=state) for state in states)), installed=True)
    assert found.outcome == outcome
    assert (found.problem.ref if found.problem is not None else None) == ref


def test_the_token_extension_that_cannot_be_asked_or_need_not_be() -> None:
    assert token_extension_macos(None, installed=True).outcome == "not-checked"
    assert token_extension_macos(None, installed=False).outcome == "not-applicable"


CARD = f"{desktop.CALAIS}\\{desktop.CALAIS_CARD}"


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        ({}, "not-checked"),
        ({desktop.CALAIS: {}}, "fail"),
        ({CARD: {}}, "fail"),
        ({CARD: {"Crypto Provider": "ASIP Sante Cryptographic Provider"}}, "pass"),
    ],
)
def test_the_card_in_the_windows_database(content: dict[str, dict[str, str]], outcome: str) -> None:
    assert card_database_windows(Registry(content)).outcome == outcome


def test_the_certificate_manager_and_firefox_on_windows(tmp_path: Path) -> None:
    assert certificate_manager_windows(Registry({})).outcome == "notice"
    assert certificate_manager_windows(Registry({desktop.RUN: {"CCM": "ccm.exe"}})).outcome == "pass"
    assert firefox_windows(Registry({}), tmp_path, "", ()).outcome == "not-applicable"
    only_32_bits = Registry({r"SOFTWARE\WOW6432Node\Mozilla\Mozilla Firefox\155.0": {}})
    assert firefox_windows(only_32_bits, tmp_path, "", ()).outcome == "notice"
    manifest = tmp_path / "cps3.json"
    manifest.write_text(json.dumps({"path": str(tmp_path / "cps3.dll")}), encoding="utf-8")
    registry = Registry({f"{desktop.MOZILLA_MODULES}\\cps3": {"": str(manifest)}})
    assert firefox_windows(registry, tmp_path, "", ()).outcome == "fail"
    (tmp_path / "cps3.dll").write_bytes(b"")
    assert firefox_windows(registry, tmp_path, "", ()).outcome == "pass"
    checks = desktop_checks("windows", root=tmp_path, module="", homes=(), extension_installed=False, live=True, registry=registry)
    assert [check.id for check in checks] == ["calais", "certificate-manager", "firefox"]
    assert desktop_checks("linux", root=tmp_path, module="", homes=(), extension_installed=False, live=True, registry=None) == ()


def test_firefox_on_windows_may_know_the_module_by_its_policies(tmp_path: Path) -> None:
    write(tmp_path, "/Program Files/Mozilla Firefox/firefox.exe")
    module = r"C:\Windows\System32\cps3_pkcs11_w64.dll"
    assert firefox_windows(Registry({}), tmp_path, module, ()).outcome == "notice"
    policies = {"policies": {"SecurityDevices": {"Add": {"CPS": module}}}}
    write(tmp_path, "/Program Files/Mozilla Firefox/distribution/policies.json", json.dumps(policies))
    assert firefox_windows(Registry({}), tmp_path, module, ()).outcome == "pass"
    assert firefox_windows(Registry({}), tmp_path, "", ()).outcome == "notice"


@pytest.mark.parametrize("profiles", desktop._WINDOWS_PROFILES)
def test_firefox_on_windows_may_know_the_module_by_the_own_list_of_the_person_at_the_screen(tmp_path: Path, profiles: str) -> None:
    """The list that was looked at is that of the person who sits there, and where nobody could be told, that is said."""
    module = r"%WINDIR%\System32\cps3_pkcs11_w64.dll"
    doctor, other = tmp_path / "Users/docteur", tmp_path / "Users/admin"
    listed = doctor / profiles / "x.default/pkcs11.txt"
    listed.parent.mkdir(parents=True)
    listed.write_text("library=C:\\Windows\\System32\\CPS3_PKCS11_W64.DLL\nname=CPS\n", encoding="utf-8")
    assert firefox_windows(Registry({}), tmp_path, module, (str(doctor),)).outcome == "pass"
    assert firefox_windows(Registry({}), tmp_path, module, (str(other),)).outcome == "not-applicable"
    write(tmp_path, "/Program Files/Mozilla Firefox/firefox.exe")
    for homes, told in (((str(other),), None), ((), "configuration.firefox-missing.nobody")):
        found = firefox_windows(Registry({}), tmp_path, module, homes)
        assert found.outcome == "notice"
        assert found.problem is not None
        assert (found.problem.ref, found.problem.told) == ("configuration.firefox-missing", told)
    listed.write_text("library=softokn3.dll\n", encoding="utf-8")
    assert firefox_windows(Registry({}), tmp_path, module, (str(doctor),)).outcome == "notice"


@pytest.mark.parametrize("browser", ["Google/Chrome", "Mozilla"])
def test_a_program_that_browsers_start_for_the_card_and_that_is_gone_is_said(tmp_path: Path, browser: str) -> None:
    home = f"/Users/dr/Library/Application Support/{browser}"
    host = "/Library/Application Support/santesocial/srvsvcnam/srvsvcnam_host"
    assert native_messaging_macos(tmp_path, ("/Users/dr",)).outcome == "not-applicable"
    write(tmp_path, f"{home}/NativeMessagingHosts/fr.sesamvitale.srvsvcnam_native_messaging_host.json", json.dumps({"path": host}))
    told = native_messaging_macos(tmp_path, ("not-a-path", "/Users/other", "/Users/dr"))
    assert told.outcome == "notice"
    assert told.problem is not None
    assert (told.problem.ref, told.problem.params["path"]) == ("configuration.native-host-missing", host)
    write(tmp_path, host)
    assert native_messaging_macos(tmp_path, ("/Users/dr",)).outcome == "not-applicable"


def test_a_request_from_the_catalogue_and_the_facts(tmp_path: Path) -> None:
    catalogue = load_catalogue()
    facts = Facts(adapter="lab", os=OperatingSystem(family="macos", hardware="arm64"))
    request = ladder_request(
        catalogue, "macos", Circumstances(), facts=facts, installed=Installed(versions={"cryptolib": "5.2.1", "galss": None}), root=tmp_path
    )
    assert request.middleware is not None
    assert (request.middleware.path, request.package, request.hardware) == (MODULE, "5.2.1", "arm64")
    assert (request.galss_ini, request.galss_needed) == (tmp_path / "Library/Preferences/galss.ini", True)
    assert request.authority_folders == (tmp_path / "Library/Preferences/santesocial/CPS/coffre",)
    assert tmp_path / "Library/Caches/santesocial/CPS" in request.caches
    assert len([pin for pin in request.pins if pin.sha256]) == 9
    assert not request.live
    assert not ladder_request(catalogue, "macos", Circumstances()).galss_needed


def test_where_the_files_lie_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the authorities' folder no certificate of any card could be proven there."""
    monkeypatch.setenv("ALLUSERSPROFILE", r"C:\ProgramData")
    monkeypatch.setenv("WINDIR", r"C:\Windows")
    request = ladder_request(load_catalogue(), "windows", Circumstances(), hardware="x86_64")
    assert [str(path) for path in request.authority_folders] == [r"C:\ProgramData\santesocial\CPS\coffre"]
    assert [str(path) for path in request.caches] == [r"C:\ProgramData\santesocial\cps\cache"]
    assert str(request.galss_ini) == r"C:\Windows\galss.ini"
    monkeypatch.delenv("ALLUSERSPROFILE")
    assert ladder_request(load_catalogue(), "windows", Circumstances()).authority_folders == ()


@pytest.mark.parametrize(
    ("family", "hardware", "expected"),
    [
        ("macos", "arm64", "cryptolib-macos"),
        ("windows", "x86_64", "cryptolib-windows-x64"),
        ("windows", "i386", "cryptolib-windows-x86"),
        ("linux", None, "cryptolib-linux"),
    ],
)
def test_the_middleware_of_each_system(family: Family, hardware: str | None, expected: str) -> None:
    rule = choose_middleware(load_catalogue().middlewares, family, hardware)
    assert rule is not None
    assert rule.id == expected
