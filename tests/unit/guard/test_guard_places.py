"""Where a payload may write: known places of its component, what is there already, whose that is, and how much room all of it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.catalogue.model import ConfigRule, Dependent, PathRule, ServiceRule
from atsam_safe.facts.model import Facts, ForeignClaim, Home, PathFact, Receipt, ReceiptEntry
from atsam_safe.guard import RunState, check, check_uninstall
from atsam_safe.guard.candidate import known_parts
from atsam_safe.guard.overwriting import overwritten, payload_paths
from atsam_safe.guard.places import Places
from atsam_safe.guard.space import estimate, installed_bytes
from atsam_safe.packages.model import ComponentPackage, PayloadEntry, PayloadSummary
from lab.decisions import package, shipped_catalogue, workstation
from lab.small_catalogue import SAID, path_rule

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import Catalogue, Component
    from atsam_safe.guard.model import RuleResult
    from atsam_safe.packages.model import Inspection

STORY = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}
HOMES = (Home(user="docteur", path="/Users/docteur"), Home(user="secretaire", path="/Users/secretaire/"))
replace = msgspec.structs.replace


def entry(path: str, kind: str = "file", *, mode: int = 0o644, size: int = 0) -> PayloadEntry:
    return PayloadEntry(path=path, kind=kind, mode=mode, uid=0, gid=0, size=size)  # type: ignore[arg-type]  # shorthand of tests


def seen(path: str, kind: str = "file", *, size: int = 0) -> PathFact:
    return PathFact(path=path, kind=kind, mode=0o644, uid=0, gid=0, size=size)  # type: ignore[arg-type]  # shorthand of tests


def component(**fields: object) -> Component:
    galss = shipped_catalogue().component("galss")
    assert galss is not None
    return replace(galss, **{"paths": (), "services": (), "configs": (), **fields})


KNOWN = component(
    paths=(
        path_rule("/Library/Tree", "tree"),
        path_rule("/Library/Deep/Er/file.txt"),
        path_rule("~/Library/Ours/x.plist"),
        path_rule("/Library/Wild/*/conf", "tree"),
        path_rule("/Library/Secret", "tree", role="private"),
        path_rule("/etc/reader.conf"),
    ),
    services=(ServiceRule(label="a", path="/Library/LaunchDaemons/a.plist", **SAID), ServiceRule(label="no file", **SAID)),
    configs=(ConfigRule(path="~/Library/a.ini", **SAID), ConfigRule(path="/Library/Preferences/b.ini", **SAID)),
)


@pytest.mark.parametrize(
    ("path", "kind", "known"),
    [
        ("/Library/Tree", "directory", True),
        ("/Library/Tree/a/b", "file", True),
        ("/LIBRARY/tree/A", "file", True),
        ("/Library/Treehouse", "file", False),
        ("/Library/Deep/Er/file.txt", "file", True),
        ("/Library/Deep/Er/file.txt/below", "file", False),
        ("/Library/Deep/Er/other.txt", "file", False),
        # the folders on the way to what is known, and only as folders
        ("/Library/Deep/Er", "directory", True),
        ("/Library/Deep", "directory", True),
        ("/Library/Deep", "file", False),
        ("/Library/Deep", "symlink", False),
        ("/Library/Deeper", "directory", False),
        ("/Library/Deep/Other", "directory", False),
        ("/Library/Deep/Er/file.txt/folder", "directory", False),
        ("/Users/docteur/Library/Ours/x.plist", "file", True),
        ("/Users/secretaire/Library/Ours/x.plist", "file", True),
        ("/Users/secretaire/Library/Ours", "directory", True),
        ("/Users/other/Library/Ours/x.plist", "file", False),
        ("/Library/Wild/1.40/conf/a", "file", True),
        ("/Library/Wild/1.40", "directory", True),
        ("/Library/Wild/1.40/other", "directory", False),
        ("/Library/Secret/a", "file", False),
        ("/Library/Secret", "directory", False),
        ("/private/etc/reader.conf", "file", True),
        ("/Library/LaunchDaemons/a.plist", "file", True),
        ("/Library/LaunchDaemons/a.plist/x", "file", False),
        ("/Library/LaunchDaemons/b.plist", "file", False),
        ("/Users/docteur/Library/a.ini", "file", True),
        ("/Library/Preferences/b.ini", "file", True),
    ],
)
def test_a_place_is_known_when_the_catalogue_names_it_or_what_lies_in_it(path: str, kind: str, known: object) -> None:
    assert Places(KNOWN, HOMES).know(entry(path, kind)) is known


# --- what is there already ---------------------------------------------------------------------------------------------------------------

STRAY = "/Library/Application Support/Autre/notes.dat"
CATALOGUE = replace(
    shipped_catalogue(),
    dependents=(Dependent(id="x", name="Somebody's", owns=("~/Library/Theirs", "/Library/Theirs/*/own"), **SAID),),
)


def bringing(*entries: PayloadEntry, form: str = "macos-flat-package", versions: dict[str, str] | None = None) -> Inspection:
    """The story's package, its first component bringing these alone."""
    whole = package(versions or STORY, form=form)
    return replace(
        whole, components=(replace(whole.components[0], entries=entries), *(replace(one, entries=()) for one in whole.components[1:]))
    )


def receipt_id(name: str) -> str:
    """A receipt that macOS keeps of the component."""
    component = CATALOGUE.component(name)
    assert component is not None
    return component.receipts[0].id


def part_of(name: str, *entries: PayloadEntry) -> Inspection:
    """A package with one part, of the component of this name."""
    part = ComponentPackage(identifier=receipt_id(name), version="1.0", component=name, entries=entries)
    return replace(package(STORY), components=(part,))


def found(facts: Facts, *packages: Inspection, catalogue: Catalogue = CATALOGUE) -> dict[str, str | None]:
    return overwritten(facts, catalogue, packages, known_parts(catalogue, packages))


BARE = workstation("10.14.6")


@pytest.mark.parametrize(
    ("there", "brought", "in_the_way"),
    [
        (seen(STRAY), entry(STRAY), True),
        (seen(STRAY.upper()), entry(STRAY), True),
        (seen(STRAY, "directory"), entry(STRAY), True),
        (seen(STRAY), entry(STRAY, "directory"), True),
        (seen(STRAY, "symlink"), entry(STRAY, "directory"), True),
        (seen(STRAY, "symlink"), entry(STRAY, "symlink"), True),
        # a folder in a folder's place is nothing to overwrite
        (seen(STRAY, "directory"), entry(STRAY, "directory"), False),
        (seen(f"{STRAY}2"), entry(STRAY), False),
        # folders of the system: whatever stands there instead is no matter of a package
        (seen("/Library/Preferences", "symlink"), entry("/Library/Preferences", "directory"), False),
        (seen("/Library/Preferences/galss.ini"), entry("/Library/Preferences/galss.ini"), False),
    ],
)
def test_what_stands_in_the_place_of_something_brought_is_in_the_way(there: PathFact, brought: PayloadEntry, in_the_way: object) -> None:
    facts = replace(BARE, paths=(there,))
    assert found(facts, bringing(brought)) == ({brought.path: None} if in_the_way else {})
    assert found(facts, bringing(brought, form="macos-disk-image")) == ({brought.path: None} if in_the_way else {})
    assert found(facts, bringing(brought, form="windows-installer")) == {}


@pytest.mark.parametrize(
    ("path", "kind", "owner"),
    [
        ("/Users/docteur/Library/Theirs/a", "file", "Somebody's"),
        ("/Users/docteur/Library/Theirs", "symlink", "Somebody's"),
        ("/Users/docteur/Library/Theirs", "directory", None),
        ("/Users/nobody/Library/Theirs/a", "file", None),
        ("/Library/Theirs/1.4/own/a", "file", "Somebody's"),
        # a Mac's disk does not tell them apart
        ("/library/THEIRS/1.4/Own/a", "file", "Somebody's"),
        ("/Library/Application Support/Santesocial/FSV/1.40.14/travail/x", "file", "Fournitures SESAM-Vitale (FSV)"),
        ("/Library/Theirs/1.4/other", "file", None),
        ("/usr/local/lib/SHARED.dylib", "file", "org.autre"),
        ("/usr/local/lib/shared.dylib", "directory", None),
        # the private folders of the FSV are nobody's to write in but the FSV's own
        ("/Library/Application Support/santesocial/fsv/1.40.14/travail/x", "file", "Fournitures SESAM-Vitale (FSV)"),
        # of ours, and even so of others too
        ("/Library/Preferences/galss.ini", "file", "org.autre"),
    ],
)
def test_what_others_have_is_not_written_even_where_nothing_lies_yet(path: str, kind: str, owner: str | None) -> None:
    claims = tuple(ForeignClaim(path=one, receipt="org.autre") for one in ("/usr/local/lib/shared.dylib", "/Library/Preferences/galss.ini"))
    facts = replace(BARE, foreign_claims=claims)
    assert found(facts, bringing(entry(path, kind))) == ({} if owner is None else {path: owner})


def test_one_file_of_others_does_not_hide_the_next() -> None:
    paths = ["/Library/Theirs/1/own/a", STRAY, "/Library/Preferences/galss.ini", "/Library/Theirs/2/own/b"]
    facts = replace(BARE, paths=(seen(STRAY),))
    assert list(found(facts, bringing(*(entry(path) for path in paths))).items()) == [
        (paths[0], "Somebody's"),
        (STRAY, None),
        (paths[3], "Somebody's"),
    ]


def test_who_claims_what_is_in_the_way_of_a_folder_is_named() -> None:
    facts = replace(BARE, paths=(seen(STRAY),), foreign_claims=(ForeignClaim(path=STRAY, receipt="org.autre"),))
    assert found(facts, bringing(entry(STRAY, "directory"))) == {STRAY: "org.autre"}


def test_a_folder_that_a_receipt_of_ours_lists_makes_no_file_ours() -> None:
    for kind, ours in (("file", True), ("symlink", True), ("directory", False)):
        listed = ReceiptEntry(path=STRAY, kind=kind, mode=0o644)  # type: ignore[arg-type]  # the kinds
        receipt = Receipt(
            identifier="fr.sesamvitale.galss.pkg", version="3.42.03", entries=(listed,), store="/private/var/db/receipts/x.plist"
        )
        facts = replace(BARE, paths=(seen(STRAY, "file" if kind == "directory" else kind),), receipts=(receipt,))
        assert found(facts, bringing(entry(STRAY))) == ({} if ours else {STRAY: None})
        # something else than what the receipt recorded is nobody's that is known
        other = replace(BARE, paths=(seen(STRAY, "symlink" if kind == "file" else "file", size=1),), receipts=(receipt,))
        assert found(other, bringing(entry(STRAY))) == {STRAY: None}


def test_the_paths_to_look_at_are_spelled_one_way_and_leave_out_the_systems_folders() -> None:
    asked = payload_paths(CATALOGUE, [bringing(entry("/etc/reader.conf"), entry("/Library", "directory"), entry("//Library//Tree/"))])
    assert asked.core == {"/private/etc/reader.conf", "/Library/Tree"}
    mica = ComponentPackage(
        identifier="fr.sesamvitale.mica.pkg", version="4.01.00", component="mica", entries=(entry("/usr/local/lib/libmica.dylib"),)
    )
    whole = bringing(entry(STRAY))
    both = payload_paths(CATALOGUE, [replace(whole, components=(mica, *whole.components))])
    assert both.core == {STRAY}
    assert both.optional == {"/usr/local/lib/libmica.dylib"}
    assert both.paths == {STRAY, "/usr/local/lib/libmica.dylib"}
    # what both would write is looked at all the same
    mica = replace(mica, entries=(entry(STRAY),))
    assert payload_paths(CATALOGUE, [replace(whole, components=(mica, *whole.components))]).paths == {STRAY}


@pytest.mark.parametrize(
    ("writer", "lister", "ours"),
    [
        # the unit goes and comes as a whole; what is optional comes alone, and answers for nothing but its own
        ("galss", "cryptolib", True),
        ("cryptolib", "galss", True),
        ("galss", "diagam", False),
        ("galss", "mica", False),
        ("diagam", "diagam", True),
        ("diagam", "cryptolib", False),
        ("diagam", "galss", False),
        ("mica", "diagam", False),
    ],
)
def test_a_receipt_makes_a_file_ours_for_the_unit_or_for_its_own_component(writer: str, lister: str, ours: object) -> None:
    listed = Receipt(
        identifier=receipt_id(lister),
        version="1.0",
        entries=(ReceiptEntry(path=STRAY, kind="file", mode=0o644),),
        store="/private/var/db/receipts/x.plist",
    )
    facts = replace(BARE, paths=(seen(STRAY),), receipts=(listed,))
    assert found(facts, part_of(writer, entry(STRAY))) == ({} if ours else {STRAY: None})


@pytest.mark.parametrize(
    ("writer", "path", "owner"),
    [
        ("cryptolib", "/Library/Application Support/santesocial/fsv/1.40.14/travail/x", "Fournitures SESAM-Vitale (FSV)"),
        ("mica", "/Library/Application Support/santesocial/fsv/1.40.14/travail/x", "Fournitures SESAM-Vitale (FSV)"),
        ("fsv", "/Library/Application Support/santesocial/fsv/1.40.14/travail/x", None),
        ("galss", "/Users/docteur/Library/Logs/santesocial/CPS/trace.log", "Cryptolib CPS"),
        ("cryptolib", "/Users/docteur/Library/Logs/santesocial/CPS/trace.log", None),
        ("amelipro-connect", "/Users/docteur/Library/Logs/santesocial/CPS/trace.log", "Cryptolib CPS"),
    ],
)
def test_a_private_folder_is_its_own_components_alone(writer: str, path: str, owner: str | None) -> None:
    facts = replace(BARE, homes=HOMES)
    assert found(facts, part_of(writer, entry(path))) == ({} if owner is None else {path: owner})


# --- what is brought to unknown places ---------------------------------------------------------------------------------------------------


def asked(ref: str, *packages: Inspection, facts: Facts = BARE) -> RuleResult:
    return next(rule for rule in check(facts, shipped_catalogue(), packages, run=RunState()).rules if rule.ref == ref)


def added(*entries: PayloadEntry, part: int = 0, form: str = "macos-flat-package") -> Inspection:
    whole = package(STORY, form=form)
    parts = list(whole.components)
    parts[part] = replace(parts[part], entries=(*(parts[part].entries or ()), *entries))
    return replace(whole, components=tuple(parts))


UNKNOWN = "/Library/Application Support/Other"


@pytest.mark.parametrize(
    ("entries", "outcome", "path", "count", "started"),
    [
        ([entry(UNKNOWN, "directory")], "notice", UNKNOWN, 1, 0),
        ([entry(UNKNOWN, "directory"), entry(f"{UNKNOWN}/a")], "notice", f"{UNKNOWN}/a", 1, 0),
        ([entry(UNKNOWN, "directory"), entry(f"{UNKNOWN}/a"), entry(f"{UNKNOWN}/b", mode=0o755)], "fail", f"{UNKNOWN}/b", 1, 1),
        ([entry(f"{UNKNOWN}/a", mode=0o100)], "fail", f"{UNKNOWN}/a", 1, 1),
        ([entry(f"{UNKNOWN}/a", mode=0o010), entry(f"{UNKNOWN}/b", mode=0o001)], "fail", f"{UNKNOWN}/a", 2, 2),
        ([entry(f"{UNKNOWN}/a", mode=0o4000)], "fail", f"{UNKNOWN}/a", 1, 1),
        ([entry(f"{UNKNOWN}/a", mode=0o2000)], "fail", f"{UNKNOWN}/a", 1, 1),
        ([entry(f"{UNKNOWN}/a", mode=0o1666)], "notice", f"{UNKNOWN}/a", 1, 0),
        # rights of a folder or of a link start nothing by themselves; a link where the system starts things does
        ([entry(UNKNOWN, "directory", mode=0o755)], "notice", UNKNOWN, 1, 0),
        ([entry(f"{UNKNOWN}/a", "symlink", mode=0o777)], "notice", f"{UNKNOWN}/a", 1, 0),
        ([entry("/Library/LaunchAgents/evil.plist", "symlink")], "fail", "/Library/LaunchAgents/evil.plist", 1, 1),
        ([entry("/Library/LaunchAgents/evil", "directory")], "notice", "/Library/LaunchAgents/evil", 1, 0),
        ([entry("/etc/evil", mode=0o755)], "pass", None, 0, 0),
        ([], "pass", None, 0, 0),
    ],
)
def test_what_is_brought_to_an_unknown_place_is_told_and_refused_where_it_could_start(
    entries: list[PayloadEntry], outcome: str, path: str | None, count: int, started: int
) -> None:
    for form in ("macos-flat-package", "macos-disk-image"):
        result = asked("package.unknown-paths", added(*entries, form=form))
        assert (result.outcome, result.notice) == {"notice": ("pass", True), "fail": ("fail", False), "pass": ("pass", False)}[outcome]
        if path is not None:
            assert result.params == {"path": path, "component": "GALSS", "count": str(count)}
            assert (result.evidence["count"], result.evidence["started"]) == (count, started)
    for ref in ("package.unknown-paths", "package.writes-system"):
        assert asked(ref, added(*entries, form="windows-installer")).outcome == "not-applicable"
        together, alone = asked(ref, added(*entries, form="windows-installer"), added(*entries)), asked(ref, added(*entries))
        assert (together.outcome, together.evidence) == (alone.outcome, alone.evidence)


def test_long_lists_of_unknown_places_are_counted_whole_and_named_up_to_twenty() -> None:
    for ref, folder in (("package.unknown-paths", UNKNOWN), ("package.writes-system", "/System")):
        for count in (1, 20, 21):
            result = asked(ref, added(*(entry(f"{folder}/{number}") for number in range(count)), part=1))
            assert result.params == {"path": f"{folder}/0", "component": "SrvSVCNAM", "count": str(count)}
            assert result.evidence["paths"] == [f"{folder}/{number}" for number in range(min(count, 20))]
            assert result.evidence["count"] == count


def test_the_component_that_brings_it_is_named_and_the_systems_places_come_before_unknown_ones() -> None:
    both = added(entry(f"{UNKNOWN}/a"), entry("/etc//evil"), part=2)
    assert asked("package.writes-system", both).params == {"path": "/private/etc/evil", "component": "Cryptolib CPS", "count": "1"}
    assert asked("package.unknown-paths", both).params["path"] == f"{UNKNOWN}/a"
    assert asked("package.unknown-paths", both).evidence["paths"] == [f"{UNKNOWN}/a"]
    first, second = added(entry(f"{UNKNOWN}/a"), entry("/etc/a")), added(entry(f"{UNKNOWN}/b"), entry("/etc/b"), part=2)
    for packages, name in (((first, second), "GALSS"), ((second, first), "Cryptolib CPS")):
        for ref in ("package.writes-system", "package.unknown-paths"):
            assert asked(ref, *packages).params["component"] == name


# --- room ---------------------------------------------------------------------------------------------------------------------------------

BLOCK = 4096


@pytest.mark.parametrize(
    ("size", "room"), [(0, BLOCK), (1, BLOCK), (BLOCK - 1, BLOCK), (BLOCK, BLOCK), (BLOCK + 1, 2 * BLOCK), (10 * BLOCK, 10 * BLOCK)]
)
def test_a_file_takes_whole_blocks_brought_or_kept(size: int, room: int) -> None:
    brought = estimate(BARE, CATALOGUE, [bringing(entry(STRAY, size=size))])
    assert brought.parts["staging"] == brought.parts["installed"] == room
    kept = installed_bytes(replace(BARE, paths=(seen("/Library/Preferences/galss.ini", size=size),)), CATALOGUE)
    assert kept == room


def test_folders_and_links_take_no_room_and_files_add_up() -> None:
    entries = (entry("/a", "directory", size=99_999), entry("/b", "symlink", size=99_999), entry("/c", size=1), entry("/d", size=BLOCK))
    assert estimate(BARE, CATALOGUE, [bringing(*entries)]).parts["staging"] == 2 * BLOCK
    assert estimate(BARE, CATALOGUE, [bringing(*entries), bringing(entry("/e", size=1))]).parts["staging"] == 3 * BLOCK
    assert estimate(BARE, CATALOGUE, []).parts["staging"] == 0


def test_a_payload_that_was_only_counted_takes_a_block_more_for_each_of_its_members() -> None:
    whole = bringing()
    counted = replace(whole.components[0], entries=None, payload=PayloadSummary(files=3, bytes=BLOCK + 1, compression="gzip"))
    unread = replace(counted, payload=None)
    for parts, room in (((counted,), 5 * BLOCK), ((counted, counted), 10 * BLOCK), ((unread,), 0), ((unread, counted), 5 * BLOCK)):
        assert estimate(BARE, CATALOGUE, [replace(whole, components=parts)]).parts["staging"] == room


def test_the_room_asked_for_is_the_payload_twice_what_is_kept_twice_and_a_margin() -> None:
    facts = replace(BARE, paths=(seen("/Library/Preferences/galss.ini", size=5 * BLOCK),))
    room = estimate(facts, CATALOGUE, [bringing(entry(STRAY, size=3 * BLOCK))])
    margin = room.parts["margin"]
    assert room.parts == {
        "staging": 3 * BLOCK,
        "installed": 3 * BLOCK,
        "snapshot": 5 * BLOCK,
        "reserve": 5 * BLOCK,
        "margin": margin,
    }
    assert room.total == 16 * BLOCK + margin
    # enough for the journal and the program's own files, and far from asking for a practice's whole disk
    assert 16 * 1024**2 <= margin <= 1024**3


HOST = "Library/Application Support/Google/Chrome/NativeMessagingHosts/fr.sesamvitale.srvsvcnam_native_messaging_host.json"
TREE = "/Library/Application Support/Galss"


@pytest.mark.parametrize(
    ("paths", "receipt", "blocks"),
    [
        ([seen(f"{TREE}/galsvosx", size=1)], [], 1),
        ([seen(f"{TREE}/deep/er/file", size=1)], [], 1),
        ([seen(f"{TREE}", "directory", size=99_999)], [], 0),
        ([seen("/Library/Preferences/galss.ini", size=1), seen("/Library/Preferences/io_comm.ini", size=1)], [], 2),
        ([seen("/Library/Preferences/galss.ini/below", size=1)], [], 0),
        ([seen(STRAY, size=1)], [], 0),
        # a receipt knows of files that nobody looked at, and what is seen counts before what the receipt says
        ([], [(STRAY, "file", 1)], 1),
        ([], [(STRAY, "directory", 1), (f"{STRAY}2", "symlink", 1)], 0),
        ([seen(STRAY, size=3 * BLOCK)], [(STRAY, "file", 1)], 3),
        ([seen(STRAY, "directory", size=3 * BLOCK)], [(STRAY, "file", 1)], 1),
        ([seen("/Library/Other", size=1)], [(STRAY, "file", 1)], 1),
        # every user's own files count, of every user that is known
        ([seen(f"/Users/docteur/{HOST}", size=1), seen(f"/Users/nobody/{HOST}", size=1)], [], 1),
        # a link is a name, and a device has no content
        ([seen("/Library/Preferences/galss.ini", kind, size=9) for kind in ("symlink", "other", "directory")], [], 0),
        # what is private is never copied, so it needs no room
        ([seen("/Users/docteur/Library/Logs/santesocial/CPS/a.log", size=1)], [], 0),
        ([seen("/Library/Application Support/santesocial/fsv/1/conf/sesam.ini", size=1)], [], 0),
    ],
)
def test_what_goes_into_the_snapshot_is_what_receipts_list_and_the_unit_has(
    paths: list[PathFact], receipt: list[tuple[str, str, int]], blocks: int
) -> None:
    entries = tuple(ReceiptEntry(path=path, kind=kind, mode=0o644, size=size) for path, kind, size in receipt)  # type: ignore[arg-type]  # the kinds
    receipts = (Receipt(identifier="fr.sesamvitale.galss.pkg", version="1", entries=entries), Receipt(identifier="org.unread"))
    facts = replace(BARE, paths=tuple(paths), receipts=receipts)
    assert installed_bytes(facts, CATALOGUE) == blocks * BLOCK
    needed = next(rule for rule in check_uninstall(facts, CATALOGUE, run=RunState()).rules if rule.ref == "space.too-little")
    assert needed.evidence["parts"]["snapshot"] == blocks * BLOCK


def test_a_rule_of_files_by_pattern_counts_each_file_it_names() -> None:
    rules = (PathRule(path="/Library/Some/*/file", **SAID), PathRule(path="/Library/Any/*/tree", scope="tree", **SAID))
    catalogue = replace(shipped_catalogue(), components=(component(paths=rules),))
    paths = ("/Library/Some/1/file", "/Library/Some/2/file", "/Library/Some/2/file/x", "/Library/Any/1/tree/a/b", "/Library/Any/1/other")
    facts = replace(BARE, paths=tuple(seen(path, size=1) for path in paths))
    assert installed_bytes(facts, catalogue) == 3 * BLOCK
