"""Rules about the packages themselves: readable, signed by the right publisher, ours, known. Trust refusals are never accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.catalogue.model import Bundle, SignerRule
from atsam_safe.catalogue.names import bundle_text
from atsam_safe.catalogue.product_codes import organisation_key
from atsam_safe.guard.candidate import is_brought, left_out_parts
from atsam_safe.guard.case import PASS, Case, Rule, Verdict, fail, notice
from atsam_safe.guard.overwriting import overwritten
from atsam_safe.packages.model import Inspection
from atsam_safe.words.registry import find

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from atsam_safe.packages.model import ComponentPackage

_MAXIMUM_NAMED: Final = 20
_FLAT: Final = ("macos-flat-package", "macos-disk-image")


def _name(inspection: Inspection) -> str:
    return inspection.path.rpartition("/")[2] or inspection.path


def _with_verdict(case: Case, verdict: str) -> list[Inspection]:
    return [inspection for inspection in case.inspections if inspection.signature.verdict == verdict]


def _evidence(inspections: list[Inspection]) -> dict[str, object]:
    return {
        "faults": list(dict.fromkeys(reason.ref for inspection in inspections for reason in inspection.signature.reasons)),
        "packages": [
            {
                "path": inspection.path,
                "sha256": inspection.sha256,
                "verdict": inspection.signature.verdict,
                "signer": inspection.signature.signer,
                "team_id": inspection.signature.team_id,
                "reasons": [{"ref": reason.ref, "params": reason.params} for reason in inspection.signature.reasons],
            }
            for inspection in inspections
        ],
    }


def _by_verdict(case: Case, rule: str, verdict: str) -> Verdict:
    bad = _with_verdict(case, verdict)
    if not bad:
        return PASS
    names = ", ".join(_name(inspection) for inspection in bad)
    decisive = [reason for inspection in bad for reason in inspection.signature.reasons[:1]]
    if len(bad) == 1 and decisive and find(decisive[0].ref) is not None:
        # The reader's own sentences tell exactly what is wrong (an expired certificate is not an unknown authority).
        return fail(words=decisive[0].told or decisive[0].ref, evidence=_evidence(bad), shown={**decisive[0].params, "package": names})
    several = f"{rule}.several"
    words = several if len(bad) > 1 and find(several) is not None else None
    reasons = ", ".join(reason.ref for reason in decisive)
    return fail(words=words, package=names, reason=reasons or verdict, evidence=_evidence(bad))


def damaged(case: Case) -> Verdict | None:
    """Damaged, tampered with, or not readable at all."""
    return _by_verdict(case, "package.damaged", "refused")


def unsigned(case: Case) -> Verdict | None:
    """Without any signature nobody answers for what is inside."""
    return _by_verdict(case, "package.unsigned", "unsigned")


def untrusted(case: Case) -> Verdict | None:
    """Signed, but not by a chain the catalogue trusts."""
    return _by_verdict(case, "package.untrusted", "untrusted")


def _identity(signer: SignerRule) -> str:
    """What a signature is held against: Apple's Team ID, or the organisation of a Windows certificate in comparable form."""
    return organisation_key(signer.team_id) if signer.kind == "authenticode" else signer.team_id


def _vouching(case: Case, inspection: Inspection, component: str, kind: str) -> list[SignerRule]:
    """Who may sign one component of the package: its publishers, and who puts together the listed build that the package is.

    What else the package carries keeps its own publishers: the catalogue says nothing about who may assemble that.
    """
    known = case.catalogue.component(component)
    rules = [] if known is None else list(known.signers)
    bundle = case.catalogue.bundle(inspection.build.bundle) if inspection.build is not None else None
    if bundle is not None and any(member.component == component for member in bundle.members):
        rules += bundle.signers
    return [rule for rule in rules if rule.kind == kind]


def _signed_by(inspection: Inspection) -> tuple[str, str | None]:
    """The kind of a package's signature, and who made it in the form that pins are compared in."""
    team = inspection.signature.team_id
    if inspection.signature.verdict == "authenticode":
        return "authenticode", organisation_key(team or "")
    return "installer", team


def _unlisted_builds(case: Case, inspection: Inspection, part: ComponentPackage, kind: str, identity: str | None) -> list[Bundle]:
    """The listed builds through which this signer answers for the component, when the package is put together like one and is none.

    It takes more than one part of the unit: a component alone is its own publisher's package, whoever assembles builds.
    """
    unit = {known.id for known in case.catalogue.core}
    together = {one.component for one in inspection.components if one.selection != "left-out"} & unit
    if inspection.build is not None or len(together) <= 1 or part.selection == "left-out":
        return []
    return [
        bundle
        for bundle in case.catalogue.bundles
        if any(member.component == part.component for member in bundle.members)
        and any(signer.kind == kind and _identity(signer) == identity for signer in bundle.signers)
    ]


class Foreign(msgspec.Struct, frozen=True, kw_only=True):
    """A component in a package whose signer may not sign it; ``builds``: those in which he may, when this is another set of the kind."""

    inspection: Inspection
    component: str
    pinned: tuple[SignerRule, ...]
    builds: tuple[Bundle, ...]


def _signed(case: Case) -> list[Inspection]:
    return [inspection for inspection in case.inspections if inspection.signature.verdict in {"developer-id", "authenticode"}]


def _foreign(case: Case) -> Iterator[Foreign]:
    """Every component that its package's signer neither publishes nor may put together."""
    for inspection in _signed(case):
        kind, identity = _signed_by(inspection)
        for content in inspection.components:
            if content.component is None:
                continue
            pinned = _vouching(case, inspection, content.component, kind)
            if identity not in {_identity(signer) for signer in pinned}:
                builds = _unlisted_builds(case, inspection, content, kind, identity)
                yield Foreign(inspection=inspection, component=content.component, pinned=tuple(pinned), builds=tuple(builds))


def _publishers(signers: Iterable[SignerRule]) -> str:
    """Publishers as a person knows them, each with what a signature is held against: ``GIE SESAM-Vitale (5H8W5749XS)``."""
    named = {_identity(signer): signer for signer in reversed(list(signers))}
    texts = [signer.name if signer.kind == "authenticode" else f"{signer.name} ({signer.team_id})" for signer in named.values()]
    return ", ".join(sorted(dict.fromkeys(texts))) or "?"


def _presumed(case: Case) -> Verdict:
    """Genuine signatures that are right only as far as somebody concluded so: passed (there is nothing surer), and never in silence."""
    found: dict[str, None] = {}
    package: Inspection | None = None
    for inspection in _signed(case):
        kind, identity = _signed_by(inspection)
        for content in inspection.components:
            if content.component is None or not _brings(case, content):
                continue
            rules = [rule for rule in _vouching(case, inspection, content.component, kind) if _identity(rule) == identity]
            if all(rule.certainty == "inferred" for rule in rules):
                package = package or inspection
                found[content.component] = None
    if package is None:
        return PASS
    kind, identity = _signed_by(package)
    sure = [
        component.name
        for component in case.catalogue.components
        if any(rule.kind == kind and _identity(rule) == identity and rule.certainty != "inferred" for rule in component.signers)
    ]
    return notice(
        words="package.wrong-signer.presumed" if sure else "package.wrong-signer.presumed-by-name",
        certainty="inferred",
        package=_name(package),
        signer=package.signature.signer or "?",
        components=", ".join(case.component_name(component) for component in found),
        known=", ".join(sure) or "?",
        evidence={**_evidence([package]), "components": list(found), "known_by": sure},
    )


def wrong_signer(case: Case) -> Verdict | None:
    """A genuine signature of somebody who does not publish this component: the Team ID decides, never the display name.

    A product archive has one signature for all it holds: the catalogue says, bundle by bundle, who puts a build together.
    """
    if not _signed(case):
        return None
    wrong = [found for found in _foreign(case) if not found.builds]
    if not wrong:
        return _presumed(case)
    first = wrong[0].inspection
    mine = [found for found in wrong if found.inspection is first]
    return fail(
        package=_name(first),
        component=", ".join(dict.fromkeys(case.component_name(found.component) for found in mine)),
        signer=first.signature.signer or "?",
        expected=_publishers(signer for found in mine for signer in found.pinned),
        evidence={
            **_evidence([first]),
            "component": mine[0].component,
            "components": list(dict.fromkeys(found.component for found in mine)),
            "pinned": sorted({_identity(signer) for signer in mine[0].pinned}),
        },
    )


def unlisted_build(case: Case) -> Verdict | None:
    """Put together by somebody who makes listed builds, and none of them: sound, but unknown is not OK. Nobody can accept it."""
    if not _signed(case):
        return None
    found = [one for one in _foreign(case) if one.builds]
    if not found:
        return PASS
    inspection = found[0].inspection
    mine = [one for one in found if one.inspection is inspection]
    builds = list(dict.fromkeys(bundle_text(case.catalogue, bundle) for one in mine for bundle in one.builds))
    versions = {part.component: part.version for part in inspection.components if part.component is not None}
    recommended = case.recommended
    return fail(
        words=None if recommended is not None else "package.unlisted-build.no-build",
        package=_name(inspection),
        signer=inspection.signature.signer or "?",
        set=case.set_text(versions),
        components=", ".join(dict.fromkeys(case.component_name(one.component) for one in mine)),
        builds=", ".join(builds),
        os=case.os,
        recommended="?" if recommended is None else bundle_text(case.catalogue, recommended),
        evidence={**_evidence([inspection]), "components": [one.component for one in mine], "builds": builds},
    )


def _brings(case: Case, content: ComponentPackage) -> bool:
    return content.component is not None and is_brought(content, case.catalogue.component(content.component))


def not_atsam(case: Case) -> Verdict | None:
    """Nothing that is installed from it is a component the catalogue knows."""
    strangers = [
        inspection
        for inspection in case.inspections
        if inspection.readable and not any(_brings(case, content) for content in inspection.components)
    ]
    if not case.inspections:
        return fail(package="?")
    if not strangers:
        return PASS if any(inspection.readable for inspection in case.inspections) else None
    identifiers = [content.identifier for inspection in strangers for content in inspection.components]
    known = any(content.component is not None for inspection in strangers for content in inspection.components)
    return fail(
        words="package.not-atsam.left-out" if known else None,
        package=", ".join(_name(inspection) for inspection in strangers),
        evidence={"packages": [inspection.path for inspection in strangers], "identifiers": identifiers},
    )


def unknown_part(case: Case) -> Verdict | None:
    """A part that the catalogue does not know: left out by this program, put in place by a running Mac's installer. A person must agree."""
    found: list[str] = []
    for inspection in case.inspections:
        known = [content for content in inspection.components if content.component is not None]
        if known:
            found += [content.identifier for content in inspection.components if content.component is None]
    if not found:
        return PASS if case.candidate.parts else None
    return fail(parts=", ".join(found), evidence={"identifiers": found})


def left_out(case: Case) -> Verdict | None:
    """Parts that the package's own choices leave out, or of which they do not plainly say what becomes of them: seen, not hidden."""
    found = left_out_parts(case.catalogue, case.inspections)
    if not found:
        return PASS if case.candidate.parts else None
    undecided = [
        content.identifier
        for inspection in case.inspections
        for content in inspection.components
        if content.component is not None and content.selection == "undecided" and not _brings(case, content)
    ]
    # how Apple's installer reads choices is inferred
    return notice(parts=", ".join(found), evidence={"parts": list(found), "undecided": undecided}, certainty="inferred")


def no_content(case: Case) -> Verdict | None:
    """A part that claims to be one of our components and carries no file: installing it would only take the old files away."""
    if not case.candidate.parts:
        return None
    empty: list[tuple[str, str]] = []
    for part in case.candidate.parts:
        inspection = case.inspections[part.package]
        if not inspection.readable or inspection.format not in _FLAT:
            continue
        entries = inspection.components[part.part].entries
        if not any(entry.kind != "directory" for entry in entries or ()):
            empty.append((_name(inspection), part.component))
    if not empty:
        return PASS
    return fail(
        package=", ".join(dict.fromkeys(name for name, _component in empty)),
        components=", ".join(dict.fromkeys(case.component_name(component) for _name, component in empty)),
        evidence={"components": [component for _name, component in empty]},
    )


def no_bill(case: Case) -> Verdict | None:
    """Files without a bill of materials: no receipt could list them, so no later removal would know whose they are."""
    if not case.candidate.parts:
        return None
    bare = [part for part in case.candidate.parts if not case.inspections[part.package].components[part.part].bill]
    if not bare:
        return PASS
    return fail(
        package=", ".join(dict.fromkeys(_name(case.inspections[part.package]) for part in bare)),
        components=", ".join(dict.fromkeys(case.component_name(part.component) for part in bare)),
        evidence={"components": [part.component for part in bare]},
    )


def unknown_release(case: Case) -> Verdict | None:
    """A release of one of our components that the catalogue has never heard of."""
    if not case.candidate.parts:
        return None
    unknown = [part for part in case.candidate.parts if not part.known_release]
    core = [part for part in unknown if part.core]
    named = ", ".join(f"{case.component_name(part.component)} {part.version}" for part in unknown)
    evidence = {"releases": [{"component": part.component, "version": part.version, "identifier": part.identifier} for part in unknown]}
    if core:
        return fail(releases=named, evidence=evidence)
    if unknown:
        return notice(words="package.unknown-release.optional", releases=named, evidence=evidence)
    return PASS


def overwrites_foreign(case: Case) -> Verdict | None:
    """The payload would put a file where something lies that is not ours: another product's, somebody's private data, or nobody knows."""
    if not case.candidate.parts:
        return None
    found = overwritten(case.facts, case.catalogue, case.inspections, case.candidate.parts)
    if not found:
        return PASS
    path, owner = next(((path, owner) for path, owner in found.items() if owner is not None), next(iter(found.items())))
    evidence = {"paths": dict(list(found.items())[:_MAXIMUM_NAMED]), "count": len(found)}
    if owner is None:
        return fail(words="package.overwrites-foreign.unclaimed", path=path, count=str(len(found)), evidence=evidence)
    return fail(path=path, owner=owner, count=str(len(found)), evidence=evidence)


RULES: Final = (
    Rule(ref="package.damaged", evaluate=damaged),
    Rule(ref="package.unsigned", evaluate=unsigned),
    Rule(ref="package.untrusted", evaluate=untrusted),
    Rule(ref="package.wrong-signer", evaluate=wrong_signer),
    Rule(ref="package.unlisted-build", evaluate=unlisted_build),
    Rule(ref="package.not-atsam", evaluate=not_atsam),
    Rule(ref="package.unknown-part", evaluate=unknown_part),
    Rule(ref="package.left-out", evaluate=left_out),
    Rule(ref="package.no-content", evaluate=no_content),
    Rule(ref="package.no-bill", evaluate=no_bill),
    Rule(ref="package.unknown-release", evaluate=unknown_release),
    Rule(ref="package.overwrites-foreign", evaluate=overwrites_foreign),
)
