"""What decisions rest on, said a second time: a slip in a manifest must not pass as knowledge."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.versions import AtsamBuild, ComponentVersion, MacosRelease

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import Bundle, Component

CATALOGUE = load_catalogue()
CORE = ("galss", "srvsvcnam", "cryptolib")


def component(identifier: str) -> Component:
    found = CATALOGUE.component(identifier)
    assert found is not None
    return found


def bundle(identifier: str) -> Bundle:
    found = CATALOGUE.bundle(identifier)
    assert found is not None
    return found


def test_the_unit_is_the_three_components() -> None:
    assert {item.id for item in CATALOGUE.core} == set(CORE)


@pytest.mark.parametrize(
    ("identifier", "versions"),
    [
        ("atsam-macos-4.41", {"galss": ("3.42.03",), "srvsvcnam": ("3.40.02", "3.42.02"), "cryptolib": ("5.1.5",)}),
        ("atsam-macos-4.50", {"galss": ("3.43.02",), "srvsvcnam": ("3.43",), "cryptolib": ("5.1.8",)}),
    ],
)
def test_the_builds_of_the_story(identifier: str, versions: dict[str, tuple[str, ...]]) -> None:
    found = bundle(identifier)
    assert {member.component: member.versions for member in found.members} == versions
    assert found.complete
    assert not any(member.optional for member in found.members)
    assert found.build is not None
    assert AtsamBuild.parse(identifier.rsplit("-", 1)[1]) == AtsamBuild.parse(found.build)


def certainty_on(found: Bundle, release: str) -> str | None:
    """The surest of what is said about this release, on whichever processor."""
    said = {system.certainty for system in found.systems if MacosRelease.parse(release).in_range(system.first, system.last)}
    return next((certainty for certainty in ("confirmed", "field", "inferred") if certainty in said), None)


@pytest.mark.parametrize(
    ("release", "on_441", "on_450"),
    [
        # one build was offered for everything below Catalina; only Mojave was reported, and no document names either set
        ("10.6.8", "inferred", None),
        ("10.9.5", "inferred", None),
        ("10.13.6", "inferred", None),
        ("10.14.6", "field", None),
        ("10.15.7", None, "field"),
        ("10.16", None, None),
        ("11.7", None, None),
        ("26.6", None, None),
    ],
)
def test_where_the_builds_of_the_story_belong(release: str, on_441: str | None, on_450: str | None) -> None:
    assert certainty_on(bundle("atsam-macos-4.41"), release) == on_441
    assert certainty_on(bundle("atsam-macos-4.50"), release) == on_450


def test_only_the_beginning_of_srvsvcnam_3_43_is_known() -> None:
    assert [release.version for item in CATALOGUE.components for release in item.releases if release.version_is_prefix] == ["3.43"]


def test_no_set_is_known_for_sequoia() -> None:
    assert [found.id for found in CATALOGUE.bundles if found.family == "macos" and certainty_on(found, "15.1") is not None] == []


def test_the_field_sets_of_tahoe_pass_with_a_notice_only() -> None:
    certainties = {certainty_on(found, "26.6.2") for found in CATALOGUE.bundles if found.family == "macos"}
    assert certainties == {None, "field"}


@pytest.mark.parametrize("version", ["26.0", "26.1"])
def test_nothing_was_seen_before_the_first_update_it_was_seen_under(version: str) -> None:
    certainties = {certainty_on(found, version) for found in CATALOGUE.bundles if found.family == "macos"}
    assert certainties == {None, "inferred"}


def test_what_a_build_is_made_of_is_no_surer_than_the_practice_that_wrote_it_down() -> None:
    """``confirmed`` is for genuine packages and official documents: of both builds there is the version table of one practice."""
    assert {bundle(f"atsam-macos-{number}").certainty for number in ("4.41", "4.50")} == {"field"}


def test_the_incomplete_build_is_marked() -> None:
    assert not bundle("atsam-macos-4.63.00").complete


@pytest.mark.parametrize("identifier", CORE)
def test_each_core_component_has_its_current_receipts_a_receipt_witness_and_a_signer(identifier: str) -> None:
    item = component(identifier)
    assert {receipt.id for receipt in item.receipts if receipt.current} == {
        "galss": {"fr.sesamvitale.galss.pkg"},
        "cryptolib": {"fr.asipsante.pkg.cryptolibCPS"},
        "srvsvcnam": {"org.cnamts.SrvSVcnam", "org.cnamts.SrvSVcnam_Install.pkg"},
    }[identifier]
    assert any(witness.kind == "receipt" for witness in item.witnesses)
    assert {signer.team_id for signer in item.signers if signer.kind == "installer"} <= {"5H8W5749XS", "Y8WQ8FQ7KH"}
    assert item.signers


def test_the_two_publishers_are_told_apart_by_team() -> None:
    def teams(identifier: str) -> set[str]:
        return {signer.team_id for signer in component(identifier).signers if signer.kind != "authenticode"}

    assert teams("galss") == {"5H8W5749XS"}
    assert teams("cryptolib") == {"Y8WQ8FQ7KH"}


def test_the_two_ini_files_are_one_pair_and_stay() -> None:
    galss = component("galss")
    pairs = {rule.path: rule.pair for rule in galss.configs if rule.pair is not None}
    assert pairs == {
        "/Library/Preferences/galss.ini": "/Library/Preferences/io_comm.ini",
        "/Library/Preferences/io_comm.ini": "/Library/Preferences/galss.ini",
    }
    kept = {rule.path: (rule.role, rule.on_uninstall) for rule in galss.paths}
    assert all(kept[path] == ("config", "keep") for path in pairs)


def test_the_inventory_file_of_two_owners_goes_only_with_the_last() -> None:
    path = "/Library/Application Support/santesocial/commun/adm/157.adm"
    owners = {item.id: rule for item in CATALOGUE.components for rule in item.paths if rule.path == path}
    assert set(owners) == {"cryptolib", "srvsvcnam"}
    assert {rule.on_uninstall for rule in owners.values()} == {"remove-if-unclaimed"}
    assert owners["cryptolib"].shared_with == ("srvsvcnam",)
    assert owners["srvsvcnam"].shared_with == ("cryptolib",)


@pytest.mark.parametrize("parent", ["Application Support", "Preferences", "Logs"])
def test_the_common_folder_is_never_owned_whole(parent: str) -> None:
    for item in CATALOGUE.components:
        for rule in item.paths:
            if rule.path in {f"/Library/{parent}/santesocial", f"/Library/{parent}"}:
                assert (rule.scope, rule.on_uninstall) == ("directory", "remove-if-unclaimed"), item.id


SYSTEM_FOLDERS = re.compile(r"/(?:Applications|Library(?:/[^/]+)?|usr(?:/local)?(?:/lib)?|private(?:/(?:etc|tmp))?|System.{0,40})")


def test_no_tree_to_remove_is_a_folder_of_the_system_or_of_a_person() -> None:
    for item in CATALOGUE.components:
        for rule in item.paths:
            if rule.scope == "tree" and rule.on_uninstall != "keep":
                ours = (
                    rule.path.startswith(("/Library/Receipts/", "/System/Library/Security/tokend/"))
                    or rule.path == "/Library/Application Support/Galss"
                )
                assert ours or SYSTEM_FOLDERS.fullmatch(rule.path) is None or rule.path.count("/") > 2, rule.path
                assert rule.path.count("/") >= 2, rule.path
                assert not rule.path.startswith("~"), rule.path


def test_a_generic_certificate_is_never_deleted_by_name() -> None:
    (local,) = [rule for rule in component("srvsvcnam").certificates if rule.common_name == "127.0.0.1"]
    assert local.shared


def test_the_nine_authorities_have_both_fingerprints() -> None:
    authorities = [rule for rule in component("cryptolib").certificates if rule.role in {"root", "intermediate"}]
    assert len(authorities) == 9
    assert len({rule.sha256 for rule in authorities}) == len({rule.sha1 for rule in authorities}) == 9
    assert len([rule for rule in authorities if rule.role == "root"]) == 3


def test_optional_components_used_by_others_are_never_removed() -> None:
    for identifier in ("fsv", "mica", "cps-gestion"):
        assert {rule.on_uninstall for rule in component(identifier).paths} == {"keep"}


def test_the_working_folders_of_the_fsv_are_private() -> None:
    private = {rule.path for item in CATALOGUE.components for rule in item.paths if rule.role == "private" and rule.scope == "tree"}
    assert "/Library/Application Support/santesocial/fsv" in private


@pytest.mark.parametrize("identifier", ["teamviewer", "anydesk", "postgresql", "firebird", "oracle-crossway", "medistory", "hellodoc"])
def test_remote_control_databases_and_records_are_untouchable(identifier: str) -> None:
    (found,) = [dependent for dependent in CATALOGUE.dependents if dependent.id == identifier]
    assert found.never_touch


def test_dmp_connect_is_known_to_share_galss() -> None:
    (found,) = [dependent for dependent in CATALOGUE.dependents if dependent.id == "dmp-connect-js2"]
    assert "galss" in found.uses
    assert "/Library/Preferences/galss.ini" in found.shares


def test_uninstallers_are_never_called_with_an_option_that_deletes_configuration() -> None:
    for item in CATALOGUE.components:
        for uninstaller in item.uninstallers:
            assert not {"-G", "-a"} & set(uninstaller.arguments)
    (uninstaller,) = component("cryptolib").uninstallers
    assert uninstaller.interactive
    assert uninstaller.answers == ("O",)


def test_the_genuine_galss_package_is_pinned_with_its_witnesses() -> None:
    (release,) = [item for item in component("galss").releases if item.version == "3.43.02"]
    assert release.package_sha256 == ("78c781092f192b9b089732a6b80f4b5bdc74cf81fcbbf11057e078d832bcac00",)
    own_numbers = {witness.path: witness.value for witness in release.witnesses if witness.kind == "info-plist"}
    assert {path.split("/")[3].removesuffix(".framework"): value for path, value in own_numbers.items() if path is not None} == {
        "galinosx": "3.28",
        "pcscosx": "3.32",
        "pssinosx": "3.36",
    }
    followers = [witness for witness in component("galss").witnesses if witness.kind == "info-plist"]
    assert {witness.compare for witness in followers} == {"prefix"}
    assert len(followers) == 2


def test_releases_are_in_no_doubt_about_their_order() -> None:
    for item in CATALOGUE.components:
        for release in item.releases:
            assert ComponentVersion.parse(release.version).text == release.version


def test_apple_is_the_only_authority() -> None:
    anchors = CATALOGUE.trust.anchors
    assert len({anchor.sha256 for anchor in anchors}) == 4
    assert {anchor.role for anchor in anchors} == {"installer-root", "timestamp-root", "ticket-root", "intermediate"}
    roots = {anchor.role: anchor.sha256 for anchor in anchors}
    assert roots["installer-root"] == roots["timestamp-root"] == "b0b1730ecbc7ff4505142c49f1295e6eda6bcaed7e2c68c5be91b5a11001f024"
    assert all(anchor.public_key for anchor in anchors if anchor.role in {"ticket-root", "intermediate"})


def matching(atr: str) -> list[str]:
    """Generations that the rules name, each once: a card may be known by its own answer and by its issuer's bytes."""
    found = {
        card.generation: None
        for card in CATALOGUE.cards
        if len(card.pattern) == len(atr) and all(rule in {"x", digit} for rule, digit in zip(card.pattern, atr, strict=True))
    }
    return list(found)


@pytest.mark.parametrize(
    ("atr", "generation"),
    [
        ("3BAC00402A001225006480000310009000", "CPS3"),
        ("3BDC18FF00001225006480000401009000", "CPS4"),
        ("3B9B188001001225006480040100009044", "CPS4"),
        ("3F6525002C09699000", "Vitale 1"),
        ("3B751300004409EA9000", "Vitale 2"),
        ("3B751300004A09EA9000", None),
    ],
)
def test_cards_by_their_answer_to_reset(atr: str, generation: str | None) -> None:
    assert matching(atr) == ([generation] if generation else [])


def test_every_sentence_for_a_person_is_in_both_languages() -> None:
    for symptom in CATALOGUE.symptoms:
        assert symptom.meaning_fr != symptom.meaning_en
        assert all(text.endswith((".", "?")) for text in (symptom.meaning_fr, symptom.meaning_en, symptom.remedy_fr, symptom.remedy_en)), (
            symptom.id
        )
    for found in CATALOGUE.bundles:
        assert found.note_fr
        assert found.note_en
    for item in CATALOGUE.components:
        assert all(note.what_fr and note.what_en for note in item.live_only)


def test_deduced_statements_never_claim_to_be_confirmed() -> None:
    # Where a deduction only completes a source (a year, a file name inside a proven folder) the statement may be « field » at most.
    doubtful = [
        f"{item.id} {rule.source}"
        for item in CATALOGUE.components
        for rule in (*item.paths, *item.processes, *item.services, *item.effects, *item.signers)
        if "DEDUCED" in rule.source and rule.certainty == "confirmed"
    ]
    doubtful.extend(found.id for found in CATALOGUE.bundles if "DEDUCED" in found.source and found.certainty == "confirmed")
    assert doubtful == []
