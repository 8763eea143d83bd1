"""A component is whole when it can do its work, not when it agrees with the package's own list of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.catalogue.model import Anchor, Trust
from atsam_safe.facts.model import BinaryImage, OperatingSystem
from atsam_safe.verify import assess
from atsam_safe.verify.essential import highest_minimum, obstacle
from atsam_safe.verify.witnesses import View
from atsam_safe.workstation.offline import OfflineWorkstation
from lab.atsam import ATSAM_VERSIONS, CRYPTOLIB, GALSS, IDENTIFIERS, SRVSVCNAM, component_items
from lab.catalogue import write_test_manifests
from lab.decisions import shipped_catalogue, workstation
from lab.items import file
from lab.macho import image
from lab.workstation import add_receipt, lay_out, put

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Facts
    from atsam_safe.verify.model import Assessment

DYLIB = "usr/local/lib/libcps3_pkcs11_osx.dylib"
CLIENT = "Library/Frameworks/galclosx.framework/Versions/A/galclosx"
SERVER = "Library/Application Support/Galss/galsvosx"
PEM = "Library/Application Support/santesocial/SrvSVcnam/AC-SRVSVCNAM.pem"
ANCHOR = Anchor(name="Lab", sha256="ab" * 32, role="installer-root", source="LAB", certainty="confirmed")
replace = msgspec.structs.replace


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return load_catalogue(write_test_manifests(tmp_path_factory.mktemp("manifests"), Trust(anchors=(ANCHOR,))))


def volume(
    root: Path, catalogue: Catalogue, component: str, *, kept: frozenset[str] | None = None, gone: frozenset[str] = frozenset()
) -> Facts:
    """A Mojave workstation whose package of one component brought only ``kept`` (or all but ``gone``): its bill lists no more."""
    lay_out(root, os_version="10.14.6", components=ATSAM_VERSIONS["4.41"], hardware="x86_64")
    version = ATSAM_VERSIONS["4.41"][component]
    items = component_items(component, version)
    brought = [item for item in items if item.path not in gone and (kept is None or item.kind == "directory" or item.path in kept)]
    for item in items:
        if item.kind != "directory" and item not in brought:
            (root / item.path).unlink(missing_ok=True)
    for place in (root / "Applications", root / "Library/PreferencePanes"):
        for folder in sorted((path for path in place.rglob("*") if path.is_dir()), reverse=True):
            if not any(folder.iterdir()):
                folder.rmdir()
    add_receipt(root, IDENTIFIERS[component], version, brought)
    return OfflineWorkstation(root).observe(catalogue, ownership=False)


def of(assessment: Assessment, component: str) -> tuple[str, tuple[str, ...]]:
    found = assessment.component(component)
    assert found is not None
    return found.state, found.missing


@pytest.mark.parametrize(
    ("component", "kept", "gone", "named"),
    [
        (GALSS, None, {CLIENT}, CLIENT),
        (GALSS, None, {SERVER}, SERVER),
        (GALSS, {"Library/Frameworks/galssosx.framework/Versions/A/Resources/Info.plist"}, set(), CLIENT),
        (CRYPTOLIB, None, {DYLIB}, DYLIB),
        (CRYPTOLIB, {"Library/Preferences/DICO-FR.GIP", "Applications/cpgesosx.app/Contents/Info.plist"}, set(), DYLIB),
        (SRVSVCNAM, {PEM, "Library/LaunchAgents/org.cnamts.srvsvcnam.launchd.plist"}, set(), PEM.rpartition("/")[0]),
    ],
)
def test_a_bill_of_materials_without_the_programs_proves_nothing(
    tmp_path: Path, catalogue: Catalogue, component: str, kept: set[str] | None, gone: set[str], named: str
) -> None:
    facts = volume(tmp_path, catalogue, component, kept=None if kept is None else frozenset(kept), gone=frozenset(gone))
    seen = assess(facts, catalogue)
    state, missing = of(seen, component)
    assert (state, seen.fit) == ("partial", False)
    assert f"/{named}" in missing
    assert "component.files-missing" in {finding.ref for finding in seen.findings if finding.severity == "blocking"}


def test_one_of_the_two_protocols_is_enough_and_none_is_too_little(tmp_path: Path, catalogue: Catalogue) -> None:
    frameworks = {name: f"Library/Frameworks/{name}.framework/Versions/A/{name}" for name in ("pcscosx", "pssinosx")}
    for number, gone in enumerate(({"pcscosx"}, {"pssinosx"}, {"pcscosx", "pssinosx"})):
        facts = volume(tmp_path / str(number), catalogue, GALSS, gone=frozenset(frameworks[name] for name in gone))
        assert of(assess(facts, catalogue), GALSS)[0] == ("ok" if len(gone) == 1 else "partial")


def test_what_a_script_put_beside_the_bill_is_not_called_missing(tmp_path: Path, catalogue: Catalogue) -> None:
    """Nobody has seen a package of SrvSVCNAM: its programs may come out of its script, in folders no bill of materials lists."""
    facts = volume(tmp_path, catalogue, SRVSVCNAM, kept=frozenset({PEM}))
    put(tmp_path, [file("Applications/SrvSVcnam_Lanceur.app/Contents/MacOS/SrvSVcnam_Lanceur", image(("x86_64",)), 0o755)])
    assert of(assess(facts, catalogue), SRVSVCNAM)[0] == "partial"
    facts = OfflineWorkstation(tmp_path).observe(catalogue, ownership=False)
    assert of(assess(facts, catalogue), SRVSVCNAM) == ("ok", ())


def test_an_empty_library_is_none(tmp_path: Path, catalogue: Catalogue) -> None:
    facts = volume(tmp_path, catalogue, CRYPTOLIB, gone=frozenset({DYLIB}))
    put(tmp_path, [file(DYLIB, b"", 0o755)])
    items = [file(DYLIB, b"") if item.path == DYLIB else item for item in component_items(CRYPTOLIB, "5.1.5")]
    add_receipt(tmp_path, IDENTIFIERS[CRYPTOLIB], "5.1.5", items)
    facts = OfflineWorkstation(tmp_path).observe(catalogue, ownership=False)
    assert of(assess(facts, catalogue), CRYPTOLIB) == ("partial", (f"/{DYLIB}",))


def test_of_a_release_nobody_listed_nothing_is_demanded(tmp_path: Path, catalogue: Catalogue) -> None:
    """A genuine release that never had a file must not be called damaged."""
    facts = volume(tmp_path, catalogue, CRYPTOLIB, gone=frozenset({DYLIB}))
    receipts = tuple(replace(one, version="4.9.1") if one.identifier == IDENTIFIERS[CRYPTOLIB] else one for one in facts.receipts)
    assert of(assess(replace(facts, receipts=receipts), catalogue), CRYPTOLIB) == ("ok", ())


def test_the_listed_releases_files_are_asked_for_although_no_bill_lists_them() -> None:
    """The shipped catalogue has digests of nine files of 5.2.1; a package that brings none of them was called whole."""
    facts = workstation("12.7.6", {"cryptolib": "5.2.1"})
    gone = "/Applications/cpgesosx.app/Contents/MacOS/cpgesosx"
    receipt = facts.receipts[0]
    bare = replace(receipt, entries=tuple(entry for entry in receipt.entries or () if entry.path != gone))
    without = replace(facts, receipts=(bare,), paths=tuple(fact for fact in facts.paths if fact.path != gone))
    assert gone in of(assess(without, shipped_catalogue()), CRYPTOLIB)[1]
    assert of(assess(facts, shipped_catalogue()), CRYPTOLIB)[1] == ()


@pytest.mark.parametrize(
    ("architectures", "minimum", "ref"),
    [(("arm64",), "13.0", "component.wrong-processor"), (("x86_64",), "10.15", "component.needs-newer-os"), (("i386",), "10.6", None)],
)
def test_a_library_that_cannot_run_here_is_told(
    tmp_path: Path, catalogue: Catalogue, architectures: tuple[str, ...], minimum: str, ref: str | None
) -> None:
    content = image(architectures, minimum_os=minimum, filling=b"x" * 100)
    lay_out(tmp_path, os_version="10.14.6", components=ATSAM_VERSIONS["4.41"], hardware="x86_64")
    put(tmp_path, [file(DYLIB, content, 0o755)])
    items = [file(DYLIB, content) if item.path == DYLIB else item for item in component_items(CRYPTOLIB, "5.1.5")]
    add_receipt(tmp_path, IDENTIFIERS[CRYPTOLIB], "5.1.5", items)
    seen = assess(OfflineWorkstation(tmp_path).observe(catalogue, ownership=False), catalogue)
    told = {finding.ref: finding for finding in seen.findings if finding.severity == "blocking"}
    assert set(told) == ({ref} if ref else set())
    assert (of(seen, CRYPTOLIB)[0], seen.fit) == (("damaged", False) if ref else ("ok", True))
    if ref:
        assert told[ref].params["path"] == f"/{DYLIB}"


@pytest.mark.parametrize(
    ("forms", "version", "hardware", "rosetta", "why"),
    [
        ({"x86_64": "10.6"}, "10.14.6", "x86_64", None, None),
        ({"x86_64": "10.6"}, "26.0", "arm64", True, None),
        ({"x86_64": "10.6"}, "26.0", "arm64", None, None),
        ({"x86_64": "10.6"}, "26.0", "arm64", False, "rosetta"),
        ({"x86_64": "10.15", "arm64": "11.0"}, "26.0", "arm64", False, None),
        ({"x86_64": "10.15", "arm64": "11.0"}, "10.14.6", "x86_64", None, "system"),
        ({"x86_64": "10.15", "arm64": "11.0"}, "10.15.7", None, None, None),
        ({"arm64": "11.0"}, "10.14.6", None, None, "processor"),
        ({"arm64": "11.0"}, "12.7.6", None, None, None),
        ({"arm64": "11.0"}, "12.7.6", "x86_64", None, "processor"),
        ({"arm64": "13.0"}, "12.7.6", None, None, "system"),
        ({"i386": ""}, "10.14.6", "x86_64", None, None),
        ({"i386": ""}, "10.15.7", "x86_64", None, "processor"),
        ({"ppc": ""}, "10.14.6", None, None, "processor"),
        ({"x86_64": ""}, "10.14.6", "x86_64", None, None),
        ({"x86_64": "99"}, None, "x86_64", None, None),
        ({}, "10.14.6", "x86_64", None, None),
    ],
)
def test_what_runs_where(forms: dict[str, str], version: str | None, hardware: str | None, rosetta: bool | None, why: str | None) -> None:  # noqa: FBT001 - a table's column
    seen = BinaryImage(architectures=tuple(forms), minimum_os=tuple(forms.values()))
    system = OperatingSystem(family="macos", name="macOS", version=version, hardware=hardware, rosetta=rosetta)  # type: ignore[arg-type]  # a table's column
    assert obstacle(seen, system) == why


def test_the_lowest_system_on_which_all_programs_start() -> None:
    both = BinaryImage(architectures=("x86_64", "arm64"), minimum_os=("10.9", "11.0"))
    newer = BinaryImage(architectures=("x86_64",), minimum_os=("10.15",))
    assert highest_minimum([both, newer, BinaryImage(architectures=("i386",), minimum_os=("",))]) == "10.15"
    assert highest_minimum([BinaryImage(architectures=("i386",))]) is None


def test_every_essential_place_is_one_the_lab_fills() -> None:
    """Otherwise the catalogue would demand what no release in the tests has, and the tests above would say nothing."""
    for component in shipped_catalogue().core:
        version = ATSAM_VERSIONS["4.50"][component.id]
        view = View(workstation("10.15.7", {component.id: version}))
        places = [rule.path for rule in component.paths if rule.essential and not rule.legacy]
        assert places
        assert all(view.anything_at(place) for place in places)
