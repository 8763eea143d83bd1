"""Where a payload writes: a genuine signature is no licence for the system's places, nor for programs nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.guard import RunState, check, explain_rule
from atsam_safe.guard.guard import is_acceptable
from atsam_safe.guard.rules_payload import is_launched, is_system_place
from atsam_safe.packages.model import ComponentPackage, PayloadEntry
from lab.atsam import ATSAM_VERSIONS
from lab.decisions import TEAMS, atsam, package, shipped_catalogue, workstation

if TYPE_CHECKING:
    from atsam_safe.guard.model import Decision

STORY = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}


def decided(*more: PayloadEntry, accepted: frozenset[str] = frozenset(), component: int = 0, release: str = "10.14.6") -> Decision:
    """The 4.41 package, one of its components enriched."""
    whole = package(STORY)
    parts = list(whole.components)
    parts[component] = msgspec.structs.replace(parts[component], entries=(*(parts[component].entries or ()), *more))
    changed = msgspec.structs.replace(whole, components=tuple(parts))
    return check(workstation(release, STORY), shipped_catalogue(), [changed], accepted=accepted, run=RunState())


def entry(path: str, mode: int = 0o644, kind: str = "file") -> PayloadEntry:
    return PayloadEntry(path=path, kind=kind, mode=mode, uid=0, gid=0, size=1)  # type: ignore[arg-type]  # shorthand of tests


@pytest.mark.parametrize(
    "path",
    [
        "/System/Library/evil",
        "/SYSTEM/library/evil",
        "/System/Volumes/Data/Library/Preferences/galss.ini",
        "/bin/sh",
        "/sbin/launchd",
        "/usr/bin/sudo",
        "/usr/lib/libSystem.dylib",
        "/etc/sudoers",
        "/private/etc/sudoers.d/galss",
        "/private/etc/pam.d/sudo",
        "/var/db/dslocal/nodes/Default/users/root.plist",
        "/private/var/db/receipts/com.other.plist",
        "/private/var/at/tabs/root",
        "/Library/Apple/System/evil",
        "/Library/Keychains/System.keychain",
        "/Library/Managed Preferences/x.plist",
        "/Library/Managed Preferences/docteur/x.plist",
        "/Library/Preferences/com.apple.loginwindow.plist",
        "/Library/Preferences/COM.Apple.loginwindow.plist",
        "/Library/Preferences/.GlobalPreferences.plist",
        "/Library/Preferences/SystemConfiguration/preferences.plist",
        "/Library/Preferences/OpenDirectory/Configurations/x.plist",
        "/Library/Security/Trust Settings/Admin.plist",
        "/.vol/16777220/2/etc/sudoers",
    ],
)
def test_what_belongs_to_macos_is_refused_whoever_signed_it_and_cannot_be_accepted(path: str) -> None:
    decision = decided(entry(path))
    assert [rule.ref for rule in decision.reasons] == ["package.writes-system"]
    assert decision.exit_code == 12
    assert not is_acceptable("package.writes-system")
    assert decision.reasons[0].evidence["count"] == 1


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/Users/docteur/.zshenv", "file"),
        ("/Users/docteur/.ssh/authorized_keys", "file"),
        ("/Users/docteur/.ssh", "directory"),
        ("/Users/docteur/Library/Keychains/login.keychain-db", "file"),
        ("/Users/docteur/Library/LaunchAgents/com.evil.plist", "file"),
        ("/USERS/docteur/Documents/x", "symlink"),
        # nobody of that name works here yet
        ("/Users/personne/.zshenv", "file"),
    ],
)
@pytest.mark.parametrize("component", [0, 1, 2])
def test_nothing_comes_into_anybodys_home(path: str, kind: str, component: int) -> None:
    """« .zshenv » and the keys with which one logs in passed with a notice, or without a word."""
    decision = decided(entry(path, kind=kind), component=component)
    assert [(rule.ref, rule.words) for rule in decision.reasons] == [("package.writes-system", "package.writes-system.homes")]
    assert decision.exit_code == 12
    assert not any(rule.ref == "package.unknown-paths" for rule in decision.notices)
    assert path in explain_rule(decision.reasons[0], "fr").what


def test_what_is_shared_and_what_a_component_is_known_to_have_in_a_home_is_no_intrusion() -> None:
    assert decided(entry("/Users/Shared/ATSAM/readme.txt")).accepted
    assert decided(entry("/Users/docteur/Library/Application Support", 0o755, "directory")).accepted
    known = "/Users/docteur/Desktop/SrvSVcnam_Lanceur"
    outcomes = {rule.ref: rule.outcome for rule in decided(entry(known), component=1).rules}
    assert outcomes["package.writes-system"] == "pass"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/x", "file"),
        ("/x", "directory"),
        ("/x", "symlink"),
        ("//./X/y/z.txt", "file"),
        ("/usrlocal/lib/x", "file"),
        ("/.hidden", "file"),
        # a file or a link in the place of a folder that everybody has
        ("/Library", "symlink"),
        ("/Applications", "file"),
        ("/System", "symlink"),
        ("/LIBRARY/Preferences", "symlink"),
        ("/usr/local/lib", "symlink"),
        ("/Users/docteur", "symlink"),
    ],
)
@pytest.mark.parametrize("release", ["10.14.6", "15.5"])
def test_nothing_new_comes_to_the_root_and_nothing_takes_the_place_of_everybodys_folder(path: str, kind: str, release: str) -> None:
    """What lay at the root passed with a notice, and what lay in the place of a folder without a word."""
    decision = decided(entry(path, kind=kind), release=release)
    told = next(rule for rule in decision.reasons if rule.ref == "package.writes-system")
    assert told.evidence["count"] == 1
    assert decision.exit_code == 12
    assert not any(rule.ref == "package.unknown-paths" for rule in (*decision.reasons, *decision.notices))


@pytest.mark.parametrize("path", ["/", "/Library", "/Applications", "/Users", "/opt", "/private", "/System", "/usr/local/lib", "/.vol"])
def test_folders_on_the_way_are_listed_by_every_package(path: str) -> None:
    decision = decided(entry(path, 0o755, "directory"))
    assert decision.accepted
    assert not any(rule.ref == "package.unknown-paths" for rule in decision.notices)


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        ("/Library/LaunchDaemons/com.evil.plist", 0o644),
        ("/Library/LaunchAgents/com.evil.plist", 0o644),
        ("/Library/StartupItems/Evil/Evil", 0o644),
        ("/Library/PrivilegedHelperTools/com.evil", 0o544),
        ("/usr/local/etc/cron.d/evil", 0o644),
        ("/usr/local/etc/sudoers.d/evil", 0o440),
        ("/usr/local/bin/evil", 0o755),
        ("/Applications/Evil.app/Contents/MacOS/Evil", 0o755),
        ("/Library/Application Support/Other/x", 0o4644),
    ],
)
def test_a_program_nobody_knows_is_refused_and_accepted_by_its_reference_only(path: str, mode: int) -> None:
    decision = decided(entry(path, mode))
    assert [rule.ref for rule in decision.reasons] == ["package.unknown-paths"]
    assert path in explain_rule(decision.reasons[0], "fr").what
    assert decision.exit_code == 10
    assert decided(entry(path, mode), accepted=frozenset({"package.unknown-paths"})).accepted


def test_a_file_in_an_unknown_place_is_told_and_goes_on() -> None:
    decision = decided(
        entry("/Library/Application Support/Other/readme.txt"), entry("/Library/Application Support/Other", 0o755, "directory")
    )
    assert decision.accepted
    (told,) = [rule for rule in decision.notices if rule.ref == "package.unknown-paths"]
    assert "/Library/Application Support/Other/readme.txt" in explain_rule(told, "en").what


def test_the_places_of_one_component_are_not_those_of_another() -> None:
    """The Cryptolib's configuration of serial readers in the system's folder is its own: GALSS has no business there."""
    assert decided(entry("/private/etc/reader.conf"), component=2).accepted
    refs = [rule.ref for rule in decided(entry("/private/etc/reader.conf"), component=0).reasons]
    # and the Cryptolib of the same package brings its own, another one
    assert refs == ["package.writes-system", "package.path-collision"]


@pytest.mark.parametrize("build", sorted(ATSAM_VERSIONS))
def test_the_genuine_layouts_keep_to_their_places(build: str) -> None:
    decision = check(workstation("10.14.6", STORY), shipped_catalogue(), [atsam(build)], run=RunState())
    outcomes = {rule.ref: (rule.outcome, rule.notice) for rule in decision.rules}
    assert outcomes["package.writes-system"] == ("pass", False)
    assert outcomes["package.unknown-paths"] == ("pass", False)


def test_places_are_told_apart_in_every_spelling() -> None:
    assert is_system_place("//usr//lib/x")
    assert not is_system_place("/usr/local/lib/x")
    assert not is_system_place("/usrlocal/x")
    assert not is_system_place("/Library/Frameworks/x")
    assert is_launched("/library/launchdaemons/x.plist")
    assert not is_launched("/Library/LaunchDaemonsBackup/x.plist")


@pytest.mark.parametrize(("versions", "word"), [({"srvsvcnam": "3.43.02"}, "Cryptolib"), ({"cryptolib": "5.1.8"}, "?")])
def test_without_a_recommended_build_the_words_blame_only_what_is_offered(versions: dict[str, str], word: str) -> None:
    """On a system for which no build is listed, SrvSVCNAM alone was blamed on the Cryptolib, and “?” was recommended."""
    decision = check(workstation("10.9.5"), shipped_catalogue(), [package(versions, team=TEAMS[next(iter(versions))])], run=RunState())
    assert decision.recommended is None
    (rule,) = [rule for rule in decision.reasons if rule.ref == "os.too-old"]
    told = explain_rule(rule, "en")
    assert rule.words.endswith(".no-build")
    assert word not in f"{told.why} {told.next}"
    assert "?" not in told.next


@pytest.mark.parametrize(
    ("adapter", "path", "refused"),
    [
        ("macos", "/private/etc/pam.d/sudo", {"package.unknown-part", "package.writes-system"}),
        ("macos", "/Applications/Autre.app/Autre", {"package.unknown-part"}),
        ("macos", "/System", {"package.unknown-part"}),
        ("macos", "/x", {"package.unknown-part", "package.writes-system"}),
        # a volume that does not run goes without what nobody knows
        ("offline", "/private/etc/pam.d/sudo", {"package.unknown-part"}),
    ],
)
def test_a_part_nobody_knows_is_no_way_into_the_system_of_a_running_mac(adapter: str, path: str, refused: set[str]) -> None:
    kind = "directory" if path == "/System" else "file"
    stranger = ComponentPackage(identifier="org.example.helper", version="1.0", entries=(entry(path, kind=kind),))
    facts = msgspec.structs.replace(workstation("10.14.6", STORY), adapter=adapter)
    decision = check(facts, shipped_catalogue(), [package(STORY, extra=[stranger])], run=RunState())
    assert {rule.ref for rule in decision.reasons} == refused
    if "package.writes-system" in refused:
        assert next(rule for rule in decision.reasons if rule.ref == "package.writes-system").params["component"] == "org.example.helper"
