"""What ``status`` concludes, on real volumes with receipts and bills of materials, sound and broken in every way the lab knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.catalogue.model import Anchor, Trust
from atsam_safe.facts.model import PathFact, Receipt
from atsam_safe.verify import assess
from atsam_safe.verify.assessment import PUT_RIGHT_BY_A_BUILD
from atsam_safe.words import explain
from atsam_safe.words.registry import all_references
from atsam_safe.workstation.offline import OfflineWorkstation
from lab import damage
from lab.atsam import ATSAM_VERSIONS
from lab.catalogue import write_test_manifests
from lab.decisions import shipped_catalogue, workstation
from lab.workstation import lay_out, lay_out_mojave

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.verify.model import Assessment

ANCHOR = Anchor(name="Lab", sha256="ab" * 32, role="installer-root", source="LAB", certainty="confirmed")
replace = msgspec.structs.replace


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return load_catalogue(write_test_manifests(tmp_path_factory.mktemp("manifests"), Trust(anchors=(ANCHOR,))))


def look(root: Path, catalogue: Catalogue, *, ownership: bool = False) -> Assessment:
    return assess(OfflineWorkstation(root).observe(catalogue, ownership=ownership), catalogue)


def state(assessment: Assessment, component: str) -> tuple[str | None, str]:
    found = assessment.component(component)
    assert found is not None
    return found.version, found.state


def refs(assessment: Assessment, severity: str = "blocking") -> set[str]:
    return {finding.ref for finding in assessment.findings if finding.severity == severity}


def test_the_story_before_the_accident(tmp_path: Path, catalogue: Catalogue) -> None:
    seen = look(lay_out_mojave(tmp_path), catalogue)
    assert {component: state(seen, component) for component in ATSAM_VERSIONS["4.41"]} == {
        component: (version, "ok") for component, version in ATSAM_VERSIONS["4.41"].items()
    }
    assert (seen.bundle, seen.fit, seen.certainty) == ("atsam-macos-4.41", True, "field")
    assert {"medistory", "dmp-connect-js2"} <= {dependent.dependent for dependent in seen.dependents}
    assert refs(seen) == set()
    galss = seen.component("galss")
    assert galss is not None
    assert {witness.kind for witness in galss.witnesses} >= {"receipt", "info-plist"}


def test_the_story_after_the_accident(tmp_path: Path, catalogue: Catalogue) -> None:
    seen = look(lay_out(tmp_path, os_version="10.14.6", components=ATSAM_VERSIONS["4.50"], hardware="x86_64"), catalogue)
    assert (seen.bundle, seen.fit) == ("atsam-macos-4.50", False)
    assert refs(seen) == {"set.wrong-for-os"}


def test_an_empty_workstation(tmp_path: Path, catalogue: Catalogue) -> None:
    seen = look(lay_out(tmp_path, hardware="x86_64"), catalogue)
    assert (seen.bundle, seen.fit) == (None, False)
    assert refs(seen) == {"set.nothing-installed"}
    assert {component.state for component in seen.components if component.core} == {"absent"}


@pytest.mark.parametrize("components", [{}, ATSAM_VERSIONS["4.41"]])
def test_without_a_readable_system_nothing_is_claimed_about_it(tmp_path: Path, catalogue: Catalogue, components: dict[str, str]) -> None:
    """It once said that the right set “is not made for macOS”, and told people to install the build meant for “macOS”."""
    root = lay_out(tmp_path, components=components, hardware="x86_64")
    damage.no_system_version(root)
    assert refs(look(root, catalogue)) == {"set.os-unreadable"}


@pytest.mark.parametrize("version", ["10.16", "16.0", "19.0"])
def test_a_number_no_release_ever_had_is_no_damage_of_the_system(tmp_path: Path, catalogue: Catalogue, version: str) -> None:
    """« The system is damaged », it said, while the guard told the truth about the same number."""
    seen = look(lay_out(tmp_path, os_version=version, components=ATSAM_VERSIONS["4.41"], hardware="x86_64"), catalogue)
    assert (refs(seen), seen.fit) == ({"set.os-hidden"}, False)
    (found,) = seen.findings
    assert found.problem.params["version"] in version


DAMAGES: dict[str, tuple[Callable[[Path], object], str, str | None, str]] = {
    "files without receipt": (lambda root: damage.forget_receipt(root, "galss"), "galss", "partial", "component.no-receipt"),
    "unreadable receipt": (lambda root: damage.corrupt_receipt(root, "galss"), "galss", "damaged", "receipts.damaged"),
    "missing file": (damage.missing_file, "galss", "partial", "component.files-missing"),
    "mixed versions": (damage.mixed_versions, "galss", "damaged", "component.witnesses-disagree"),
    "orphan receipt": (lambda root: damage.orphan_receipt(root, "galss"), "galss", "absent", "set.unlisted"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_each_damage_is_seen_and_the_set_is_not_fit(name: str, tmp_path: Path, catalogue: Catalogue) -> None:
    harm, component, expected, ref = DAMAGES[name]
    root = lay_out_mojave(tmp_path)
    harm(root)
    seen = look(root, catalogue)
    assert state(seen, component)[1] == expected
    assert ref in refs(seen)
    assert not seen.fit


def test_an_orphan_receipt_does_not_count_as_installed(tmp_path: Path, catalogue: Catalogue) -> None:
    root = lay_out_mojave(tmp_path)
    damage.orphan_receipt(root, "galss")
    seen = look(root, catalogue)
    galss = seen.component("galss")
    assert galss is not None
    assert (galss.version, galss.orphans) == (None, ("fr.sesamvitale.galss.pkg",))
    assert "receipts.orphan" in refs(seen, "notice")


def test_a_file_of_another_size_is_a_changed_file(catalogue: Catalogue) -> None:
    facts = workstation("10.14.6", ATSAM_VERSIONS["4.41"])
    paths = tuple(replace(fact, size=fact.size + 1) if fact.path.endswith("/galsvosx") else fact for fact in facts.paths)
    seen = assess(replace(facts, paths=paths), catalogue)
    assert state(seen, "galss") == ("3.42.03", "damaged")
    assert "component.changed" in refs(seen)


def test_a_checksum_that_is_not_the_releases_is_a_changed_file() -> None:
    facts = workstation("10.15.7", ATSAM_VERSIONS["4.50"])
    target = "/Library/Application Support/Galss/galsvosx"
    genuine = "a7cba4e763fe49904e0fe1600b29e8344c26b486a96725a7fe1ae94748e1952e"
    for digest, expected in ((genuine, "ok"), (genuine.upper(), "ok"), ("00" * 32, "damaged")):
        paths = tuple(replace(fact, sha256=digest) if fact.path == target else fact for fact in facts.paths)
        seen = assess(replace(facts, paths=paths), shipped_catalogue())
        assert state(seen, "galss") == ("3.43.02", expected)


def test_configuration_may_change_without_damage(catalogue: Catalogue) -> None:
    facts = workstation("10.14.6", ATSAM_VERSIONS["4.41"])
    paths = tuple(replace(fact, size=9999) if fact.path.endswith(".ini") else fact for fact in facts.paths)
    assert assess(replace(facts, paths=paths), catalogue).fit


def test_the_script_deletes_what_is_in_the_payload_without_damage(catalogue: Catalogue) -> None:
    facts = workstation("10.14.6", ATSAM_VERSIONS["4.41"])
    gone = ("/ListSerial", "/reader.conf", "/fr.asipsante.startpcscd.plist")
    seen = assess(replace(facts, paths=tuple(fact for fact in facts.paths if not fact.path.endswith(gone))), catalogue)
    assert seen.fit


def test_a_version_seen_through_a_receipt_of_another_release_contradicts_the_frameworks(catalogue: Catalogue) -> None:
    facts = workstation("10.14.6", ATSAM_VERSIONS["4.41"])
    receipts = tuple(replace(receipt, version="3.43.02") if "galss" in receipt.identifier else receipt for receipt in facts.receipts)
    seen = assess(replace(facts, receipts=receipts), catalogue)
    assert state(seen, "galss")[1] == "damaged"
    assert not seen.fit


@pytest.mark.parametrize("version", ["", "not a version", "3.42.03.1.1.1.1.1", "٣.٤٢", None])
def test_an_odd_receipt_is_no_reason_to_fail(version: str | None, catalogue: Catalogue) -> None:
    facts = workstation("10.14.6", ATSAM_VERSIONS["4.41"])
    receipts = tuple(replace(receipt, version=version) for receipt in facts.receipts)
    seen = assess(replace(facts, receipts=receipts), catalogue)
    assert not seen.fit


def test_neighbours_are_not_components(catalogue: Catalogue) -> None:
    facts = workstation("10.14.6")
    stranger = Receipt(identifier="fr.sesamvitale.galss.pkg.other", version="1.0", store="/private/var/db/receipts/x.plist")
    folder = PathFact(path="/Library/Frameworks/galssosx.framework.old", kind="directory", mode=0o755, uid=0, gid=0)
    seen = assess(replace(facts, receipts=(stranger,), paths=(folder,)), catalogue)
    assert {component.state for component in seen.components} == {"absent"}


KNOWN = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}
LATER = {"galss": "3.43.02", "srvsvcnam": "3.43", "cryptolib": "5.1.8"}
MIXED = {**KNOWN, "cryptolib": "5.1.8"}


@pytest.mark.parametrize(
    ("release", "installed", "ref", "said", "why"),
    [
        ("10.15.7", KNOWN, "set.wrong-for-os", "la bonne version, ATSAM 4.50,", "autre système"),
        ("10.14.6", LATER, "set.wrong-for-os", "la bonne version, ATSAM 4.41,", "erreur 777"),
        ("10.13.6", LATER, "set.wrong-for-os", "Aucune version d’ATSAM n’est connue pour convenir à macOS 10.13.6", "autre système"),
        ("12.7.6", LATER, "set.wrong-for-os", "Aucune version d’ATSAM n’est connue pour convenir à macOS 12.7.6", "autre système"),
        ("10.14.6", MIXED, "set.unlisted", "la bonne version, ATSAM 4.41,", "mélange"),
        ("15.6", MIXED, "set.unlisted", "Aucune version d’ATSAM n’est connue pour convenir à macOS 15.6", "mélange"),
        ("10.14.6", {}, "set.nothing-installed", "la version prévue pour macOS 10.14.6, ATSAM 4.41 ;", "carte CPS"),
        ("15.6", {}, "set.nothing-installed", "Aucune version d’ATSAM n’est connue pour convenir à macOS 15.6", "carte CPS"),
    ],
)
def test_the_build_to_install_is_named_or_said_to_be_unknown(
    release: str, installed: dict[str, str], ref: str, said: str, why: str
) -> None:
    found = next(one for one in assess(workstation(release, installed), shipped_catalogue()).findings if one.ref == ref)
    told = explain(found.problem, "fr")
    assert said in told.next
    assert why in told.why
    assert ("777" in told.why) == (why == "erreur 777")


def test_each_finding_that_names_a_build_is_given_one() -> None:
    naming = {
        ref
        for ref, words in all_references().items()
        if "{recommended}" in words.next and ref.startswith(("set.", "component.", "receipts."))
    }
    assert naming == {*PUT_RIGHT_BY_A_BUILD, "set.wrong-for-os.seen"}
    assert {f"{ref}.no-build" for ref in naming} <= set(all_references())


@pytest.mark.parametrize("release", ["14.7.4", "26.6"])
def test_a_set_without_a_build_number_is_called_by_its_components_never_by_its_id(release: str) -> None:
    installed = {"galss": "3.43.02", "cryptolib": "5.2.1" if release == "14.7.4" else "5.2.6"}
    seen = assess(workstation(release, installed, hardware="arm64"), shipped_catalogue())
    assert seen.bundle is not None
    assert seen.bundle_name == f"Cryptolib CPS {installed['cryptolib']}, GALSS 3.43.02"
    for finding in seen.findings:
        told = explain(finding.problem, "fr")
        assert seen.bundle not in f"{told.what} {told.why} {told.next}"
