from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from atsam_safe.facts.codec import decode_facts, encode_facts
from atsam_safe.volume import primitives
from atsam_safe.words.model import UsageError
from atsam_safe.workstation import ownership as foreign_ownership
from atsam_safe.workstation.offline import OfflineWorkstation
from lab import damage
from lab.atsam import ATSAM_VERSIONS, CRYPTOLIB, GALSS, IDENTIFIERS
from lab.items import directory, file, symlink
from lab.workstation import FSV, SYSTEM_VERSION, USERS, add_receipt, lay_out, put, put_job, system_version

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Facts

GALSS_INI = "/Library/Preferences/galss.ini"
GALSS_RECEIPT = IDENTIFIERS[GALSS]


def observe(root: Path, catalogue: Catalogue, *, ownership: bool = False) -> Facts:
    return OfflineWorkstation(root).observe(catalogue, ownership=ownership)


# --- the story -----------------------------------------------------------------------------------------------------------------


def test_the_story_is_seen_as_it_is(story: Path, catalogue: Catalogue) -> None:
    facts = observe(story, catalogue)
    assert facts.adapter == "offline"
    assert (facts.os.name, facts.os.version, facts.os.build, facts.os.hardware) == ("Mac OS X", "10.14.6", "18G9323", "x86_64")
    assert facts.os.problem is None
    versions = {receipt.identifier: receipt.version for receipt in facts.receipts}
    for component, version in ATSAM_VERSIONS["4.41"].items():
        assert versions[IDENTIFIERS[component]] == version
    assert facts.processes is None
    assert facts.system.restart_pending is None
    assert facts.space is not None
    assert facts.space.free > 0
    assert facts.notes == ()


def test_several_witnesses_of_a_version_are_read(story: Path, catalogue: Catalogue) -> None:
    facts = observe(story, catalogue)
    plist = facts.path("/Library/Frameworks/galssosx.framework/Versions/A/Resources/Info.plist")
    binary = facts.path("/Library/Frameworks/galssosx.framework/Versions/A/galssosx")
    server = facts.path("/Library/Application Support/Galss/galsvosx")
    assert plist is not None
    assert plist.bundle == {
        "CFBundleIdentifier": "fr.sesamvitale.galssosx",
        "CFBundleShortVersionString": "3.42",
        "CFBundleVersion": "3.42",
    }
    assert binary is not None
    assert binary.image is not None
    assert binary.image.current_version == "3.42.0"
    assert binary.image.architectures == ("i386", "x86_64")
    assert server is not None
    assert server.sha256 == hashlib.sha256((story / "Library/Application Support/Galss/galsvosx").read_bytes()).hexdigest()
    assert server.image is not None


def test_receipts_bring_every_path_with_kind_mode_and_checksum(story: Path, catalogue: Catalogue) -> None:
    facts = observe(story, catalogue)
    receipt = facts.receipt(GALSS_RECEIPT)
    assert receipt is not None
    assert receipt.problem is None
    assert receipt.installed_at == "2019-06-03T08:15:00Z"
    assert receipt.entries is not None
    entries = {entry.path: entry for entry in receipt.entries}
    link = entries["/Library/Frameworks/galssosx.framework/Versions/Current"]
    assert (link.kind, link.link) == ("symlink", "A")
    assert entries[GALSS_INI].checksum is not None
    assert all(facts.path(path) is not None for path in entries if not path.endswith("ListSerial"))
    assert facts.path("/Library/Application Support/Galss/ListSerial") is None


def test_links_are_reported_and_never_followed(story: Path, catalogue: Catalogue) -> None:
    fact = observe(story, catalogue).path("/Library/Frameworks/galssosx.framework/Resources")
    assert fact is not None
    assert (fact.kind, fact.link) == ("symlink", "Versions/Current/Resources")


def test_configurations_are_identified_byte_for_byte(story: Path, catalogue: Catalogue) -> None:
    configs = {config.path: config for config in observe(story, catalogue).configs}
    data = (story / GALSS_INI[1:]).read_bytes()
    galss = configs[GALSS_INI]
    assert (galss.sha256, galss.size) == (hashlib.sha256(data).hexdigest(), len(data))
    assert (galss.line_ends, galss.encoding, galss.problem) == ("crlf", "latin-1", None)
    assert galss.sections["CANAL2"]["NomLAD11"] == "Vitale"
    other = configs["/Library/Application Support/santesocial/galss/log4crc.xml"]
    assert (other.sections, other.problem) == ({}, None)


def test_classic_mac_line_ends(tmp_path: Path, catalogue: Catalogue) -> None:
    root = lay_out(tmp_path / "v", components={GALSS: "3.42.03"}, line_end="\r")
    galss = next(config for config in observe(root, catalogue).configs if config.path == GALSS_INI)
    assert galss.line_ends == "cr"
    assert galss.sections["CONFIG"] == {"NbCanaux": "2"}


def test_services_and_dependents(story: Path, catalogue: Catalogue) -> None:
    facts = observe(story, catalogue)
    services = {service.label: service for service in facts.services}
    assert services["org.cnamts.srvsvcnam.launchd"].domain == "agent"
    assert services["com.icanopee.dmpcjs2"].domain == "daemon"
    assert services["com.icanopee.dmpcjs2"].program == "/usr/local/dmpconnectjs2/dmpconnect-js2"
    assert services["com.icanopee.dmpcjsmonitor2"].running is None
    assert facts.path("/Applications/MédiStory.app") is not None
    dmp = facts.receipt("org.icanopee.dmpcjs2")
    assert dmp is not None
    assert dmp.entries is None


def test_receipts_nobody_asked_about_stay_out_of_the_facts(story: Path, catalogue: Catalogue) -> None:
    identifiers = {receipt.identifier for receipt in observe(story, catalogue, ownership=True).receipts}
    assert "fr.exemple.teleservice" not in identifiers


def test_facts_of_a_volume_can_be_mailed(story: Path, catalogue: Catalogue) -> None:
    facts = observe(story, catalogue, ownership=True)
    assert decode_facts(encode_facts(facts)) == facts


# --- homes ---------------------------------------------------------------------------------------------------------------------


def test_every_home_is_found_and_asked(story: Path, catalogue: Catalogue) -> None:
    facts = observe(story, catalogue)
    assert {home.user for home in facts.homes} == set(USERS)
    assert all(isinstance(home.uid, int) for home in facts.homes)
    for user in USERS:
        assert facts.path(f"/Users/{user}/Library/Application Support/Firefox/Profiles/x7k2p9qa.default-release/prefs.js") is not None
        host = "NativeMessagingHosts/fr.sesamvitale.srvsvcnam_native_messaging_host.json"
        assert facts.path(f"/Users/{user}/Library/Application Support/Mozilla/{host}") is not None
        assert facts.path(f"/Users/{user}/Library/Application Support/Google/Chrome/{host}") is not None


def test_what_is_no_home_is_left_alone(mojave: Path, catalogue: Catalogue) -> None:
    put(mojave, [directory("Users/Deleted Users"), file("Users/lisez-moi.txt", b"x"), symlink("Users/ancien", "/Users/docteur")])
    assert {home.user for home in observe(mojave, catalogue).homes} == set(USERS)


def test_a_home_named_with_a_star_adds_nothing_foreign(mojave: Path, catalogue: Catalogue) -> None:
    put(mojave, [directory("Users/*"), file("Users/*/Library/Application Support/Firefox/Profiles/p/prefs.js", b"")])
    facts = observe(mojave, catalogue)
    assert facts.path("/Users/*/Library/Application Support/Firefox/Profiles/p/prefs.js") is not None
    assert all(
        fact.path.startswith(("/Users/docteur/", "/Users/Hélène Dupré/", "/Users/*/")) for fact in facts.paths if "/Users/" in fact.path
    )


def test_user_agents_of_every_home(mojave: Path, catalogue: Catalogue) -> None:
    for user in USERS:
        put(
            mojave,
            [file(f"Users/{user}/Library/LaunchAgents/org.cnamts.srvsvcnam.mise-a-jour.plist", put_job("org.cnamts.srvsvcnam.maj", "/x"))],
        )
    found = [service for service in observe(mojave, catalogue).services if service.domain == "user-agent"]
    assert [service.label for service in found] == ["org.cnamts.srvsvcnam.maj"] * 2


# --- operating systems ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "hardware", "rosetta", "seen", "seen_rosetta"),
    [
        ("10.14.6", None, False, "x86_64", None),
        ("11.7.10", "arm64", False, "arm64", False),
        ("15.6", "arm64", True, "arm64", True),
        ("15.6", "x86_64", False, "x86_64", None),
        ("26.0", None, False, None, None),
        ("26.0", None, True, "arm64", True),
    ],
)
def test_hardware_is_known_only_when_the_volume_tells(
    tmp_path: Path, catalogue: Catalogue, version: str, hardware: str | None, *, rosetta: bool, seen: str | None, seen_rosetta: bool | None
) -> None:
    facts = observe(lay_out(tmp_path / "v", os_version=version, hardware=hardware, rosetta=rosetta), catalogue)
    assert (facts.os.version, facts.os.hardware, facts.os.rosetta) == (version, seen, seen_rosetta)
    assert "hardware: " in facts.os.source


def test_systems_after_the_last_intel_one(tmp_path: Path, catalogue: Catalogue) -> None:
    assert observe(lay_out(tmp_path / "v", os_version="27.0"), catalogue).os.hardware == "arm64"


@pytest.mark.parametrize("lie", ["10.16", "16.0", "10.17.1"])
def test_the_compatibility_lie_is_not_believed(mojave: Path, catalogue: Catalogue, lie: str) -> None:
    damage.compatibility_lie(mojave, lie)
    system = observe(mojave, catalogue).os
    assert system.version is None
    assert system.problem is not None
    assert lie in system.problem


@pytest.mark.parametrize(
    "content",
    [None, b"", b"bplist00", b"<plist>", system_version("not a version", "18G1"), system_version("10.14.6.1.2.3", "18G1")],
)
def test_a_volume_that_does_not_tell_its_system(mojave: Path, catalogue: Catalogue, content: bytes | None) -> None:
    damage.no_system_version(mojave)
    if content is not None:
        put(mojave, [file(SYSTEM_VERSION, content)])
    system = observe(mojave, catalogue).os
    assert system.version is None
    assert system.problem is not None


def test_a_root_that_is_no_folder_is_a_wrong_command_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        OfflineWorkstation(tmp_path / "nothing")
    assert caught.value.problems[0].ref == "usage.root-not-a-folder"


def test_an_empty_folder_is_observed_without_an_error(tmp_path: Path, catalogue: Catalogue) -> None:
    facts = observe(tmp_path, catalogue, ownership=True)
    assert (facts.receipts, facts.paths, facts.homes, facts.os.version) == ((), (), (), None)


# --- damage --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("which", "part"),
    [("plist", "property list"), ("bom", "bill of materials is not readable")],
)
def test_a_corrupt_receipt_is_a_problem_not_a_crash(mojave: Path, catalogue: Catalogue, which: str, part: str) -> None:
    damage.corrupt_receipt(mojave, GALSS, which=which)
    receipt = observe(mojave, catalogue, ownership=True).receipt(GALSS_RECEIPT)
    assert receipt is not None
    assert receipt.problem is not None
    assert part in receipt.problem
    assert (receipt.version is None) == (which == "plist")
    assert (receipt.entries is None) == (which == "bom")


@pytest.mark.parametrize(("missing", "part"), [("plist", "property list missing"), ("bom", "bill of materials missing")])
def test_half_a_receipt_is_said(mojave: Path, catalogue: Catalogue, missing: str, part: str) -> None:
    damage.half_receipt(mojave, GALSS, missing=missing)
    receipt = observe(mojave, catalogue).receipt(GALSS_RECEIPT)
    assert receipt is not None
    assert receipt.problem is not None
    assert part in receipt.problem


def test_a_receipt_under_a_false_name_is_said(mojave: Path, catalogue: Catalogue) -> None:
    folder = mojave / "private/var/db/receipts"
    (folder / "com.gipcps.galss.plist").write_bytes((folder / f"{GALSS_RECEIPT}.plist").read_bytes())
    receipt = observe(mojave, catalogue).receipt("com.gipcps.galss")
    assert receipt is not None
    assert receipt.problem is not None
    assert "differs from its file name" in receipt.problem


def test_an_orphan_receipt_shows_paths_that_are_not_there(mojave: Path, catalogue: Catalogue) -> None:
    damage.orphan_receipt(mojave, CRYPTOLIB)
    facts = observe(mojave, catalogue)
    receipt = facts.receipt(IDENTIFIERS[CRYPTOLIB])
    assert receipt is not None
    assert receipt.entries is not None
    assert not [entry.path for entry in receipt.entries if entry.kind == "file" and facts.path(entry.path) is not None]


def test_old_bundle_receipts(mojave: Path, catalogue: Catalogue) -> None:
    damage.old_bundle_receipts(mojave)
    damage.old_bundle_receipts(mojave, name="Autre.pkg")
    damage.old_flat_receipt(mojave, "org.cnamts.SrvSVcnam_3.30")
    facts = observe(mojave, catalogue)
    old = facts.receipt("galss.pkg")
    assert old is not None
    assert (old.version, old.store, old.problem) == ("3.20", "/Library/Receipts/galss.pkg", None)
    assert old.entries is not None
    assert "/Library/Frameworks/galclosx.framework/Versions/A/galclosx" in {entry.path for entry in old.entries}
    assert facts.receipt("Autre.pkg") is None
    assert facts.receipt("org.cnamts.SrvSVcnam_3.30") is not None


def test_a_prefix_below_the_root_is_joined(mojave: Path, catalogue: Catalogue) -> None:
    add_receipt(mojave, "com.gipcps.galss", "1", [file("lib/x.dylib", b"x")], prefix="usr/local/y")
    receipt = observe(mojave, catalogue).receipt("com.gipcps.galss")
    assert receipt is not None
    assert receipt.prefix == "/usr/local/y"
    assert receipt.entries is not None
    assert "/usr/local/y/lib/x.dylib" in {entry.path for entry in receipt.entries}


def test_mixed_versions_are_visible_in_the_witnesses(mojave: Path, catalogue: Catalogue) -> None:
    damage.mixed_versions(mojave)
    facts = observe(mojave, catalogue)
    receipt = facts.receipt(GALSS_RECEIPT)
    binary = facts.path("/Library/Frameworks/galssosx.framework/Versions/A/galssosx")
    assert receipt is not None
    assert receipt.version == "3.42.03"
    assert binary is not None
    assert binary.image is not None
    assert binary.image.current_version == "3.43.0"


def test_a_file_changed_under_its_receipt_shows_when_ownership_is_asked(mojave: Path, catalogue: Catalogue) -> None:
    path = "/Library/Application Support/Galss/galsvosx"

    def sums() -> tuple[int | None, int | None]:
        facts = observe(mojave, catalogue, ownership=True)
        receipt, fact = facts.receipt(GALSS_RECEIPT), facts.path(path)
        assert receipt is not None
        assert fact is not None
        return next(entry.checksum for entry in receipt.entries or () if entry.path == path), fact.checksum

    expected, found = sums()
    assert expected == found
    damage.changed_file(mojave)
    expected, found = sums()
    assert expected != found


def test_half_an_ini_pair(mojave: Path, catalogue: Catalogue) -> None:
    damage.half_ini_pair(mojave)
    assert [config.path for config in observe(mojave, catalogue).configs if config.path.endswith(".ini") and "fsv" not in config.path] == [
        GALSS_INI
    ]


def test_an_empty_ini(mojave: Path, catalogue: Catalogue) -> None:
    damage.empty_ini(mojave)
    galss = next(config for config in observe(mojave, catalogue).configs if config.path == GALSS_INI)
    assert (galss.size, galss.line_ends, galss.problem) == (0, "none", "empty file")


def test_a_folder_in_place_of_a_configuration(mojave: Path, catalogue: Catalogue) -> None:
    (mojave / GALSS_INI[1:]).unlink()
    put(mojave, [directory(GALSS_INI[1:])])
    galss = next(config for config in observe(mojave, catalogue).configs if config.path == GALSS_INI)
    assert galss.problem == "is a directory"


@pytest.mark.parametrize("content", [b"", b"bplist00", b"<plist><dict/></plist>", b"[]"])
def test_corrupt_job_files_are_said(mojave: Path, catalogue: Catalogue, content: bytes) -> None:
    put(mojave, [file("Library/LaunchDaemons/com.icanopee.dmpcjs2.plist", content)])
    service = next(service for service in observe(mojave, catalogue).services if service.label == "com.icanopee.dmpcjs2")
    assert service.problem is not None


def test_damaged_binaries_and_lists_are_said_on_their_path(mojave: Path, catalogue: Catalogue) -> None:
    framework = "Library/Frameworks/galssosx.framework/Versions/A"
    (mojave / framework / "galssosx").write_bytes(b"\xcf\xfa\xed\xfe")
    (mojave / framework / "Resources/Info.plist").write_bytes(b"\0" * 40)
    facts = observe(mojave, catalogue)
    for name in ("galssosx", "Resources/Info.plist"):
        fact = facts.path(f"/{framework}/{name}")
        assert fact is not None
        assert fact.problem is not None


@pytest.mark.parametrize("path", ["Library/Preferences", "private/var/db/receipts", "Users", "Library/LaunchAgents"])
def test_a_link_in_the_way_is_noted_and_not_followed(mojave: Path, catalogue: Catalogue, path: str) -> None:
    outside = mojave.parent / "outside"
    (mojave / path).rename(outside)
    damage.link_in_place_of(mojave, path, str(outside))
    facts = observe(mojave, catalogue, ownership=True)
    assert not [fact.path for fact in facts.paths if fact.path.startswith(f"/{path}/")]
    assert not [receipt for receipt in facts.receipts if receipt.store.startswith(f"/{path}/")]


def test_names_that_are_not_utf8_can_be_written(mojave: Path, catalogue: Catalogue) -> None:
    put(mojave, [directory(b"Users/caf\xe9".decode("utf-8", "surrogateescape"))])
    facts = observe(mojave, catalogue)
    assert decode_facts(encode_facts(facts)) == facts


# --- ownership -----------------------------------------------------------------------------------------------------------------


def claims(facts: Facts) -> set[tuple[str, str]]:
    return {(claim.path, claim.receipt) for claim in facts.foreign_claims}


def test_claims_of_others_on_our_paths(story: Path, catalogue: Catalogue) -> None:
    found = claims(observe(story, catalogue, ownership=True))
    adm = "/Library/Application Support/santesocial/commun/adm"
    assert (adm, "fr.exemple.teleservice") in found
    assert ("/Library/Application Support/santesocial", "fr.sesamvitale.fsv-1.40.1413.pkg") in found
    assert ("/Library/Application Support/santesocial", "fr.exemple.teleservice") in found
    assert not [path for path, _ in found if path in ("/", "/Library", "/Library/Application Support", "/Applications", "/usr/local/lib")]
    assert not [receipt for _, receipt in found if receipt in IDENTIFIERS.values()]
    assert observe(story, catalogue).foreign_claims == ()


def test_claims_below_our_trees_are_found_whatever_the_case(mojave: Path, catalogue: Catalogue) -> None:
    add_receipt(mojave, "org.voisin", "1", [file("library/application support/GALSS/plugin.dat", b"x")])
    assert ("/Library/Application Support/Galss/plugin.dat", "org.voisin") in claims(observe(mojave, catalogue, ownership=True))


def test_an_optional_component_does_not_claim_against_itself(story: Path, catalogue: Catalogue) -> None:
    found = claims(observe(story, catalogue, ownership=True))
    assert not [path for path, receipt in found if receipt.startswith("fr.sesamvitale.fsv") and path.startswith(f"/{FSV}")]


@pytest.mark.parametrize(
    ("damages", "problem"),
    [
        ({"bom": b"BOMStore"}, "bill of materials is not readable"),
        ({"plist": b"garbage"}, "property list"),
        ({"plist": None}, "property list"),
        # what a receipt without a bill claims is nothing: many genuine ones have none
        ({"bom": None}, None),
        ({}, None),
    ],
)
def test_a_foreign_receipt_whose_claims_cannot_be_told_is_named(
    mojave: Path, catalogue: Catalogue, damages: dict[str, bytes | None], problem: str | None
) -> None:
    add_receipt(mojave, "org.voisin", "1", [file("Library/Application Support/Galss/plugin.dat", b"x")])
    for suffix, content in damages.items():
        path = mojave / f"private/var/db/receipts/org.voisin.{suffix}"
        path.unlink()
        if content is not None:
            path.write_bytes(content)
    facts = observe(mojave, catalogue, ownership=True)
    named = {one.identifier: one.problem or "" for one in facts.foreign_unread or ()}
    assert list(named) == ([] if problem is None else ["org.voisin"])
    assert problem is None or problem in named["org.voisin"]
    assert bool([note for note in facts.notes if f"org.voisin.{next(iter(damages), '')}" in note]) == (problem is not None)
    assert observe(mojave, catalogue).foreign_unread is None


@pytest.mark.parametrize("bound", ["MAX_FOREIGN_RECEIPTS", "MAX_CLAIMS"])
def test_receipts_beyond_a_bound_are_not_called_read(
    mojave: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    for name in ("a", "b", "c"):
        add_receipt(mojave, f"org.voisin.{name}", "1", [file(f"Library/Application Support/Galss/{name}/plugin.dat", b"x")])
    monkeypatch.setattr(foreign_ownership, bound, 1)
    unread = {one.identifier for one in observe(mojave, catalogue, ownership=True).foreign_unread or ()}
    assert "org.voisin.c" in unread
    assert "com.prokov.medistory" not in unread


def test_whether_files_can_be_given_to_others_is_seen_before_a_change(
    mojave: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    for user in (0, 4242):
        monkeypatch.setattr(primitives, "effective_user", lambda user=user: user)
        assert observe(mojave, catalogue, ownership=True).system.gives_owners == (user == 0)
    assert observe(mojave, catalogue).system.gives_owners is None


def test_old_receipts_of_others_claim_too(mojave: Path, catalogue: Catalogue) -> None:
    damage.old_bundle_receipts(mojave, name="Voisin.pkg")
    path = "/Library/Frameworks/galclosx.framework/Versions/A/galclosx"
    assert (path, "Voisin.pkg") in claims(observe(mojave, catalogue, ownership=True))


def test_claims_with_climbing_paths_are_dropped(mojave: Path, catalogue: Catalogue) -> None:
    add_receipt(mojave, "org.hostile", "1", [file("x/y", b"")], prefix="../../..")
    assert not [receipt for _, receipt in claims(observe(mojave, catalogue, ownership=True)) if receipt == "org.hostile"]


def test_a_volume_that_only_an_administrator_could_put_back_is_told(
    story: Path, catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person may write into all of it and still not restore it: files cannot be given back to somebody else's group or name."""
    assert observe(story, catalogue).system.elevated is None
    monkeypatch.setattr(primitives, "effective_user", lambda: 4242)
    assert observe(story, catalogue).system.elevated is None
    seen = observe(story, catalogue, ownership=True)
    assert seen.system.elevated is False
    assert seen.space is not None
    assert seen.space.writable
