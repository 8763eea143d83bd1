"""The packages themselves: which of several is at fault, whose signature counts for what, what is named and what is only told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.facts.model import ForeignClaim, OperatingSystem, PathFact
from atsam_safe.guard import RunState, check, explain_rule
from atsam_safe.guard.guard import is_acceptable
from atsam_safe.packages.model import BuildFact, ComponentPackage, InstallerFact, PartSelection, PayloadEntry, ReasonFact, SignatureFact
from lab.atsam import BESIDE
from lab.decisions import ANS, SESAM_VITALE, TEAMS, atsam, package, shipped_catalogue, workstation

if TYPE_CHECKING:
    from atsam_safe.facts.model import Facts
    from atsam_safe.guard.model import RuleResult
    from atsam_safe.packages.model import Inspection

STORY = {"galss": "3.42.03", "srvsvcnam": "3.40.02", "cryptolib": "5.1.5"}
SHARES = {"galss": "3.42.03", "srvsvcnam": "3.40.02"}
CRYPTOLIB = {"cryptolib": "5.1.5"}
STRANGER = ComponentPackage(identifier="org.example.helper", version="1.0")
# another publisher's, and no member of any build: it keeps its own signer
CPS_GESTION = ComponentPackage(identifier="fr.asip.esante.cpsgestion.dev", version="1.7.1")
WINDOWS = OperatingSystem(family="windows", name="Windows 11 Pro", version="10.0.26100", hardware="x86_64")
replace = msgspec.structs.replace


def asked(ref: str, *packages: Inspection, facts: Facts | None = None) -> RuleResult:
    decision = check(facts or workstation("10.14.6"), shipped_catalogue(), packages, run=RunState())
    return next(rule for rule in decision.rules if rule.ref == ref)


def signed(verdict: str, *reasons: str, path: str = "/packages/a.pkg") -> Inspection:
    whole = package(STORY, verdict=verdict, team=None, path=path)
    told = tuple(ReasonFact(ref=ref, params={"certificate": "Publisher", "date": "2020-01-01", "package": "?"}) for ref in reasons)
    return replace(whole, signature=replace(whole.signature, reasons=told))


EXPIRED = "package.expired-certificate"


@pytest.mark.parametrize(
    ("packages", "words", "named", "reason"),
    [
        ([signed("untrusted", EXPIRED)], EXPIRED, "a.pkg", None),
        ([signed("untrusted", EXPIRED, "package.damaged")], EXPIRED, "a.pkg", None),
        ([atsam("4.41"), signed("untrusted", EXPIRED)], EXPIRED, "a.pkg", None),
        ([signed("untrusted", "nobody.wrote-words", EXPIRED)], "package.untrusted", "a.pkg", "nobody.wrote-words"),
        ([signed("untrusted")], "package.untrusted", "a.pkg", "untrusted"),
        (
            [signed("untrusted", EXPIRED, "package.damaged"), signed("untrusted", "x.y", path="/b.pkg")],
            "package.untrusted.several",
            "a.pkg, b.pkg",
            f"{EXPIRED}, x.y",
        ),
        ([signed("untrusted"), signed("untrusted", EXPIRED, path="c.pkg")], "package.untrusted.several", "a.pkg, c.pkg", EXPIRED),
    ],
)
def test_the_decisive_reason_is_told_and_every_bad_package_is_named(
    packages: list[Inspection], words: str, named: str, reason: str | None
) -> None:
    found = asked("package.untrusted", *packages)
    assert (found.outcome, found.words) == ("fail", words)
    assert found.params["package"] == named
    assert found.params.get("reason") == reason
    assert found.evidence["faults"] == list(dict.fromkeys(fact.ref for one in packages for fact in one.signature.reasons))
    bad = [one for one in packages if one.signature.verdict == "untrusted"]
    assert [one["path"] for one in found.evidence["packages"]] == [one.path for one in bad]
    assert [[reason["ref"] for reason in one["reasons"]] for one in found.evidence["packages"]] == [
        [reason.ref for reason in one.signature.reasons] for one in bad
    ]


def test_a_package_is_named_by_its_file_and_never_by_nothing() -> None:
    for path, named in (("/a/b c.pkg", "b c.pkg"), ("x.pkg", "x.pkg"), ("/a/folder.pkg/", "/a/folder.pkg/")):
        assert asked("package.unsigned", signed("unsigned", path=path)).params["package"] == named


def msi(organisation: str | None, *components: str | None) -> Inspection:
    parts = tuple(ComponentPackage(identifier=f"{{{number}}}", version="1", component=one) for number, one in enumerate(components))
    return replace(
        package({}, form="windows-installer", verdict="authenticode", team=organisation),
        components=parts,
        installer=InstallerFact(product_code="{1}", name="x"),
    )


@pytest.mark.parametrize(
    ("offered", "outcome", "component"),
    [
        (package(CRYPTOLIB, team=ANS), "pass", None),
        (package(SHARES, team=SESAM_VITALE), "pass", None),
        (package(SHARES, team=ANS), "fail", "GALSS, SrvSVCNAM"),
        (package(CRYPTOLIB, team=SESAM_VITALE), "fail", "Cryptolib CPS"),
        (package(CRYPTOLIB, team=None), "fail", "Cryptolib CPS"),
        # the assembled build of the story has one signature for the parts of two publishers; what is no listed build is asked below
        (package(STORY, team=SESAM_VITALE), "pass", None),
        # what a genuine build carries beside the unit does not take its signer away, and gives him nothing else
        (package({**STORY, **BESIDE}, team=SESAM_VITALE), "pass", None),
        (package({**BESIDE, **STORY}, team=SESAM_VITALE, extra=[STRANGER]), "pass", None),
        (package({**STORY, **BESIDE}, team=ANS), "fail", "GALSS, SrvSVCNAM, DiagAM, amelipro connect"),
        (package({**STORY, **BESIDE}, team="ZZZZZZZZZZ"), "fail", "GALSS, SrvSVCNAM, Cryptolib CPS, DiagAM, amelipro connect"),
        (package({"cryptolib": "5.1.5", **BESIDE}, team=SESAM_VITALE), "fail", "Cryptolib CPS"),
        (package(STORY, team=SESAM_VITALE, extra=[CPS_GESTION]), "fail", "CPS Gestion (App Store)"),
        (replace(package(CRYPTOLIB, team=SESAM_VITALE), build=BuildFact(id="x", bundle="no-such-bundle")), "fail", "Cryptolib CPS"),
        # what is not ours is no signer's matter, whatever comes before or after it
        (replace(package(CRYPTOLIB, team=SESAM_VITALE), components=(STRANGER, *package(CRYPTOLIB).components)), "fail", "Cryptolib CPS"),
        (package({}, team="ZZZZZZZZZZ", extra=[STRANGER]), "pass", None),
        (package(CRYPTOLIB, team=SESAM_VITALE, verdict="untrusted"), "not-applicable", None),
        (msi("GIE SESAM-Vitale", "galss"), "pass", None),
        (msi("gie sesam vitale", "galss"), "pass", None),
        (msi("Somebody else", "galss"), "fail", "GALSS"),
        (msi(SESAM_VITALE, "galss"), "fail", "GALSS"),
        (msi(None, "galss"), "fail", "GALSS"),
        (msi("GIE SESAM-Vitale", None, "galss"), "pass", None),
        (msi("Somebody else", None), "pass", None),
        (msi("GIE SESAM-Vitale", "no-such-component"), "fail", "no-such-component"),
    ],
)
def test_each_component_may_be_signed_by_its_own_publisher_alone(offered: Inspection, outcome: str, component: str | None) -> None:
    assert asked("package.wrong-signer", offered).outcome == outcome
    for packages in ((package(SHARES), offered), (offered, package(SHARES)), (msi("Somebody", None), offered)):
        found = asked("package.wrong-signer", *packages)
        assert found.outcome == ("fail" if outcome == "fail" else "pass")
        if component is not None:
            assert found.params["component"] == component
            assert found.params["signer"] == (offered.signature.signer or "?")
            # whom a person would look for, and what the signature is held against
            for pinned in found.evidence["pinned"]:
                assert pinned in found.params["expected"] or offered.signature.verdict == "authenticode"
            assert (found.params["expected"] == "?") == (found.evidence["pinned"] == [])
            assert [one["path"] for one in found.evidence["packages"]] == [offered.path]


NO_BUILD = {**STORY, "cryptolib": "5.1.6"}


@pytest.mark.parametrize(
    ("offered", "refused"),
    [
        (package(NO_BUILD, team=SESAM_VITALE), "package.unlisted-build"),
        (package({**NO_BUILD, **BESIDE}, team=SESAM_VITALE), "package.unlisted-build"),
        (package(NO_BUILD, team=SESAM_VITALE, extra=[STRANGER]), "package.unlisted-build"),
        (package({"srvsvcnam": "3.43.02", "cryptolib": "5.1.19"}, team=SESAM_VITALE), "package.unlisted-build"),
        (package(STORY, team=SESAM_VITALE), None),
        (package(SHARES, team=SESAM_VITALE), None),
        # one part of the unit is no assembly, whatever optional ones are beside it
        (package({"cryptolib": "5.1.6", **BESIDE}, team=SESAM_VITALE), "package.wrong-signer"),
        # who makes no build makes none that is merely unlisted
        (package(NO_BUILD, team=ANS), "package.wrong-signer"),
        (package(NO_BUILD, team="ZZZZZZZZZZ"), "package.wrong-signer"),
        (package(NO_BUILD, team=None), "package.wrong-signer"),
        # and he who does answers only for what his builds list
        (package(NO_BUILD, team=SESAM_VITALE, extra=[CPS_GESTION]), "package.wrong-signer"),
        (msi("GIE SESAM-Vitale", "galss", "cryptolib"), "package.wrong-signer"),
    ],
)
def test_a_sound_package_of_a_build_that_is_not_listed_is_no_forgery(offered: Inspection, refused: str | None) -> None:
    """A genuine but newer ATSAM was told to be signed by the wrong hand, and to be downloaded again."""
    decision = check(workstation("10.14.6"), shipped_catalogue(), [offered], run=RunState())
    assert (decision.exit_code == 12) == (refused == "package.wrong-signer")
    trust = {rule.ref: rule for rule in decision.rules if rule.ref in {"package.unlisted-build", "package.wrong-signer"}}
    assert (trust["package.wrong-signer"].outcome == "fail") == (refused == "package.wrong-signer")
    if refused != "package.wrong-signer":
        assert (trust["package.unlisted-build"].outcome == "fail") == (refused is not None)
    if refused == "package.unlisted-build":
        assert decision.exit_code == 10
        assert not is_acceptable(refused)
        found = trust[refused]
        assert (found.params["components"], found.params["builds"]) == ("Cryptolib CPS", "ATSAM 4.41, ATSAM 4.50")
        assert found.params["set"].startswith("Cryptolib CPS 5.1")
        assert "changes nothing. The build known for macOS 10.14.6 (Mojave) is ATSAM 4.41." in explain_rule(found, "en").next


def test_an_unlisted_build_where_no_build_is_known_names_none() -> None:
    found = asked("package.unlisted-build", package(NO_BUILD, team=SESAM_VITALE), facts=workstation("10.9.5"))
    assert found.words == "package.unlisted-build.no-build"
    assert "macOS 10.9.5" in explain_rule(found, "fr").next


def test_an_unlisted_build_beside_a_wrong_signer_hides_nothing() -> None:
    packages = [package(NO_BUILD, team=SESAM_VITALE), package(CRYPTOLIB, team=SESAM_VITALE, path="/packages/b.pkg")]
    for offered in (packages, packages[::-1]):
        decision = check(workstation("10.14.6"), shipped_catalogue(), offered, run=RunState())
        assert decision.exit_code == 12
        refused = {rule.ref: rule.params["package"] for rule in decision.reasons if rule.ref.startswith("package.")}
        assert refused["package.wrong-signer"] == "b.pkg"
        assert refused["package.unlisted-build"] == "a.pkg"


def test_who_may_sign_a_component_is_named() -> None:
    found = asked("package.wrong-signer", package(CRYPTOLIB, team=SESAM_VITALE))
    assert found.params["expected"] == f"AGENCE DU NUMERIQUE EN SANTE ({ANS})"
    by_nobody = asked("package.wrong-signer", package(STORY, team="ZZZZZZZZZZ"))
    assert by_nobody.params["expected"] == f"AGENCE DU NUMERIQUE EN SANTE ({ANS}), GIE SESAM-Vitale ({SESAM_VITALE})"
    windows = asked("package.wrong-signer", msi("Somebody else", "galss"))
    assert windows.params["expected"] == "GIE SESAM-Vitale"
    assert (found.evidence["component"], found.evidence["pinned"]) == ("cryptolib", [ANS])
    nobody = asked("package.wrong-signer", msi("Somebody else", "no-such-component"))
    assert nobody.params["expected"] == "?"


@pytest.mark.parametrize(
    ("offered", "words", "components", "known"),
    [
        # each vouched for by a genuine package of its publisher
        (package({"galss": "3.43.02"}, team=SESAM_VITALE), None, None, None),
        (package(CRYPTOLIB, team=ANS), None, None, None),
        # no genuine SrvSVCNAM, and no assembled package, was ever at hand
        (package({"srvsvcnam": "3.40.02"}, team=SESAM_VITALE), "presumed", "SrvSVCNAM", "GALSS, amelipro connect"),
        (package(STORY, team=SESAM_VITALE), "presumed", "SrvSVCNAM, Cryptolib CPS", "GALSS, amelipro connect"),
        (msi("GIE SESAM-Vitale", "galss"), "presumed-by-name", "GALSS", "?"),
    ],
)
def test_a_presumed_publisher_is_never_silent(offered: Inspection, words: str | None, components: str | None, known: str | None) -> None:
    found = asked("package.wrong-signer", offered)
    assert (found.outcome, found.notice) == ("pass", words is not None)
    if words is not None:
        assert (found.words, found.certainty) == (f"package.wrong-signer.{words}", "inferred")
        assert (found.params["components"], found.params["known"]) == (components, known)


DAMAGED = package({}, verdict="refused", team=None, path="/packages/damaged.pkg")
OTHER = package({}, extra=[STRANGER, replace(STRANGER, identifier="org.example.more")], path="/packages/other.pkg")
EMPTY = package({}, path="/packages/empty.pkg")


@pytest.mark.parametrize(
    ("packages", "outcome", "named"),
    [
        ([], "fail", "?"),
        ([OTHER], "fail", "other.pkg"),
        ([EMPTY], "fail", "empty.pkg"),
        ([OTHER, atsam("4.41"), EMPTY], "fail", "other.pkg, empty.pkg"),
        ([OTHER, DAMAGED], "fail", "other.pkg"),
        ([atsam("4.41")], "pass", None),
        ([atsam("4.41"), DAMAGED], "pass", None),
        ([DAMAGED, atsam("4.41")], "pass", None),
        # nobody can say what a damaged package is
        ([DAMAGED], "not-applicable", None),
    ],
)
def test_a_readable_package_with_nothing_of_ours_is_named(packages: list[Inspection], outcome: str, named: str | None) -> None:
    found = asked("package.not-atsam", *packages)
    assert found.outcome == outcome
    assert found.params.get("package") == named
    if OTHER in packages:
        assert found.evidence["identifiers"] == ["org.example.helper", "org.example.more"]
        assert OTHER.path in found.evidence["packages"]


@pytest.mark.parametrize(
    ("packages", "outcome", "parts"),
    [
        ([package(STORY, extra=[STRANGER])], "fail", ["org.example.helper"]),
        ([atsam("4.41"), package(CRYPTOLIB, extra=[STRANGER, replace(STRANGER, identifier="b")])], "fail", ["org.example.helper", "b"]),
        ([OTHER, atsam("4.41")], "pass", None),
        ([atsam("4.41")], "pass", None),
        ([OTHER], "not-applicable", None),
        ([], "not-applicable", None),
    ],
)
def test_unknown_parts_beside_known_ones_are_named(packages: list[Inspection], outcome: str, parts: list[str] | None) -> None:
    found = asked("package.unknown-part", *packages)
    assert found.outcome == outcome
    if parts is not None:
        assert found.params == {"parts": ", ".join(parts)}
        assert found.evidence == {"identifiers": parts}


def test_a_genuine_build_may_carry_other_parts_and_a_person_may_accept_unknown_ones() -> None:
    """The recommended cure of the story, as the insurance really ships it."""
    for extra, refused in (([], set()), ([STRANGER], {"package.unknown-part"})):
        offered = package({**STORY, **BESIDE}, team=SESAM_VITALE, extra=extra)
        decision = check(workstation("10.14.6"), shipped_catalogue(), [offered], run=RunState())
        assert {rule.ref for rule in decision.reasons} == refused
        assert decision.bundle == "atsam-macos-4.41"
        assert decision.target == STORY
    accepted = check(workstation("10.14.6"), shipped_catalogue(), [offered], accepted=frozenset({"package.unknown-part"}), run=RunState())
    assert accepted.accepted


def choosing(selection: PartSelection, *components: str) -> Inspection:
    """The whole bundle, these of its components with another selection."""
    whole = package({**STORY, **BESIDE})
    parts = tuple(replace(one, selection=selection) if one.component in components else one for one in whole.components)
    return replace(whole, components=parts)


@pytest.mark.parametrize(
    ("offered", "named", "undecided"),
    [
        (choosing("left-out", "diagam"), "DiagAM 2.01.19", []),
        (choosing("left-out", *BESIDE), "DiagAM 2.01.19, amelipro connect 2.02.04", []),
        (choosing("undecided", "diagam"), "DiagAM 2.01.19", ["fr.sesamvitale.diagAM.pkg"]),
        # without a part of the unit there is nothing to install: it counts, and the run fails when it is not there
        (choosing("undecided", "galss"), None, []),
        (choosing("installed"), None, []),
    ],
)
def test_what_the_packages_own_choices_leave_out_is_told_and_not_brought(
    offered: Inspection, named: str | None, undecided: list[str]
) -> None:
    decision = check(workstation("10.14.6", {"diagam": "3.2.16"}), shipped_catalogue(), [offered], run=RunState())
    assert decision.accepted
    found = next(rule for rule in decision.rules if rule.ref == "package.left-out")
    assert (found.outcome, found.notice, found.certainty) == ("pass", named is not None, "inferred" if named else None)
    if named is not None:
        assert found.params == {"parts": named}
        assert found.evidence == {"parts": named.split(", "), "undecided": undecided}
        # what is not brought replaces nothing
        assert next(rule for rule in decision.rules if rule.ref == "bundle.downgrade-needs-uninstall").outcome == "not-applicable"


def test_a_unit_without_one_of_its_parts_is_refused() -> None:
    decision = check(workstation("10.14.6"), shipped_catalogue(), [choosing("left-out", "cryptolib")], run=RunState())
    assert {rule.ref for rule in decision.reasons} >= {"bundle.incomplete"}
    assert decision.target == SHARES
    nothing = check(workstation("10.14.6"), shipped_catalogue(), [choosing("left-out", *STORY, *BESIDE)], run=RunState())
    (reason,) = [rule for rule in nothing.reasons if rule.ref == "package.not-atsam"]
    assert reason.words == "package.not-atsam.left-out"
    # whoever signed what is left out: it is in the package, and he does not publish it
    assert asked("package.wrong-signer", replace(CRYPTOLIB_LEFT_OUT, build=None)).outcome == "fail"


CRYPTOLIB_LEFT_OUT = choosing("left-out", "cryptolib")


def with_first(**fields: object) -> Inspection:
    """The story's package whose first part is changed."""
    whole = package(STORY)
    return replace(whole, components=(replace(whole.components[0], **fields), *whole.components[1:]))


FOLDER = PayloadEntry(path="/Library/Application Support/Galss", kind="directory", mode=0o755, uid=0, gid=0)
LINK = replace(FOLDER, path="/Library/Frameworks/galssosx.framework/galssosx", kind="symlink")


@pytest.mark.parametrize(
    ("offered", "outcome"),
    [
        (with_first(entries=()), "fail"),
        (with_first(entries=None), "fail"),
        (with_first(entries=(FOLDER,)), "fail"),
        (with_first(entries=(FOLDER, LINK)), "pass"),
        (replace(with_first(entries=()), format="macos-disk-image"), "fail"),
        (replace(with_first(entries=()), format="windows-installer"), "pass"),
        (replace(with_first(entries=()), signature=SignatureFact(verdict="refused")), "pass"),
        (package(STORY), "pass"),
        (OTHER, "not-applicable"),
    ],
)
def test_a_component_without_a_file_is_named_once_with_its_package(offered: Inspection, outcome: str) -> None:
    assert asked("package.no-content", offered).outcome == outcome
    if outcome == "fail":
        for packages in ((offered,), (atsam("4.41"), offered), (replace(atsam("4.41"), format="windows-installer"), offered)):
            found = asked("package.no-content", *packages)
            assert found.params == {"package": "a.pkg", "components": "GALSS"}
            assert found.evidence == {"components": ["galss"]}


def test_several_components_without_files_or_without_bills_are_all_named() -> None:
    whole = package(STORY)
    bare = replace(whole, components=tuple(replace(one, entries=(), bill=False) for one in whole.components[:2]))
    for ref in ("package.no-content", "package.no-bill"):
        found = asked(ref, bare, replace(bare, path="/b.pkg"))
        assert found.params == {"package": "a.pkg, b.pkg", "components": "GALSS, SrvSVCNAM"}
        assert found.evidence == {"components": ["galss", "srvsvcnam"] * 2}
        assert asked(ref, whole).outcome == "pass"


MICA = ComponentPackage(identifier="fr.sesamvitale.mica.pkg", version="9.99")


def test_a_release_nobody_knows_refuses_in_the_unit_and_is_told_beside_it() -> None:
    core = asked("package.unknown-release", package({**STORY, "galss": "9.99"}))
    assert (core.outcome, core.params) == ("fail", {"releases": "GALSS 9.99"})
    assert core.evidence == {"releases": [{"component": "galss", "version": "9.99", "identifier": "fr.sesamvitale.galss.pkg"}]}
    beside = asked("package.unknown-release", package(STORY, extra=[MICA]))
    assert (beside.outcome, beside.notice, beside.params) == ("pass", True, {"releases": "MICA 9.99"})
    assert beside.evidence["releases"][0]["component"] == "mica"
    both = asked("package.unknown-release", package({**STORY, "galss": "9.99"}, extra=[MICA]))
    assert (both.outcome, both.params) == ("fail", {"releases": "GALSS 9.99, MICA 9.99"})
    known = asked("package.unknown-release", package(STORY))
    assert (known.outcome, known.notice) == ("pass", False)
    assert asked("package.unknown-release", OTHER).outcome == "not-applicable"


def claimed(count: int) -> tuple[Inspection, Facts]:
    """A package some of whose files another receipt lists."""
    offered = package(STORY)
    entries = [entry.path for part in offered.components for entry in part.entries or () if entry.kind != "directory"][:count]
    return offered, replace(workstation("10.14.6"), foreign_claims=tuple(ForeignClaim(path=path, receipt="org.autre") for path in entries))


def test_what_would_be_overwritten_is_counted_whole_and_named_up_to_twenty() -> None:
    for count in (1, 20, 21):
        offered, facts = claimed(count)
        found = asked("package.overwrites-foreign", offered, facts=facts)
        assert found.outcome == "fail"
        assert found.params["count"] == str(found.evidence["count"]) == str(count)
        assert found.params["owner"] == "org.autre"
        assert len(found.evidence["paths"]) == min(count, 20)
        assert found.params["path"] == next(iter(found.evidence["paths"]))
    assert asked("package.overwrites-foreign", OTHER).outcome == "not-applicable"
    assert asked("package.overwrites-foreign", package(STORY)).outcome == "pass"


def test_a_file_that_somebody_has_is_named_before_one_that_is_nobodys() -> None:
    stray = PayloadEntry(path="/Library/Application Support/Autre/notes.dat", kind="file", mode=0o644, uid=0, gid=0)
    theirs = replace(stray, path="/usr/local/lib/shared.dylib")
    there = PathFact(path=stray.path, kind="file", mode=0o644, uid=0, gid=0)
    facts = replace(workstation("10.14.6"), paths=(there,), foreign_claims=(ForeignClaim(path=theirs.path, receipt="org.autre"),))
    for entries in ((stray, theirs), (theirs, stray)):
        found = asked("package.overwrites-foreign", with_first(entries=entries), facts=facts)
        assert found.params == {"path": theirs.path, "owner": "org.autre", "count": "2"}


def test_the_publishers_of_the_lab_are_those_of_the_catalogue() -> None:
    for component, team in TEAMS.items():
        assert asked("package.wrong-signer", package({component: STORY[component]}, team=team)).outcome == "pass"


def test_a_windows_package_is_judged_the_same_on_windows() -> None:
    facts = replace(workstation("10.14.6"), os=WINDOWS)
    assert asked("package.wrong-signer", msi("GIE SESAM-Vitale", "galss"), facts=facts).outcome == "pass"
    assert asked("os.wrong-family", msi("GIE SESAM-Vitale", "galss"), facts=facts).outcome == "pass"
    mixed = asked("os.wrong-family", atsam("4.41"), msi("x", None), facts=facts)
    assert mixed.params == {"expected": "macOS", "os": "Windows"}
    assert mixed.evidence == {"package_families": ["macos", "windows"], "workstation": "windows"}


@pytest.mark.parametrize(("galss", "told"), [("3.43.02", False), ("3.42.03", True)])
def test_a_listed_version_that_is_the_older_one_is_told_as_the_alternative(galss: str, *, told: bool) -> None:
    facts = workstation("12.7.6", {"galss": "3.42.03", "cryptolib": "5.1.8"})
    decision = check(facts, shipped_catalogue(), [package({"galss": galss, "cryptolib": "5.2.1"})], run=RunState())
    found = {rule.ref: rule for rule in decision.rules}["bundle.alternative"]
    assert found.notice is told
