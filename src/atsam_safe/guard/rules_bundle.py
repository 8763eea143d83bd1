"""Rules about the set of components: only a listed one goes on, a mixture never does."""

from __future__ import annotations

from typing import Any, Final

from atsam_safe.catalogue.names import bundle_text
from atsam_safe.guard.case import PASS, Case, Rule, Verdict, fail, notice
from atsam_safe.verify.assessment import broken_states
from atsam_safe.verify.bundles import bundles_with, in_member
from atsam_safe.versions import is_before


def _shared_bundles(case: Case, versions: dict[str, str]) -> tuple[list[str], list[str]]:
    """Ids of the bundles that list *every* version, and components whose version no bundle lists at all."""
    family = case.facts.os.family
    common: set[str] | None = None
    stray: list[str] = []
    for component, version in versions.items():
        ids = {bundle.id for bundle in bundles_with(case.catalogue, component, version, family)}
        if not ids:
            stray.append(component)
        common = ids if common is None else common & ids
    return sorted(common or ()), stray


def _params(case: Case) -> dict[str, str]:
    recommended = case.recommended
    return {
        "set": case.set_text(case.candidate.resulting),
        "offered": case.set_text(case.candidate.offered),
        "installed": case.set_text(case.assessment.installed) or "?",
        "os": case.os,
        "recommended": "?" if recommended is None else bundle_text(case.catalogue, recommended),
    }


def _words(case: Case, ref: str) -> str | None:
    return None if case.recommended is not None else f"{ref}.no-build"


def mixed(case: Case) -> Verdict | None:
    """Components of two builds side by side: in the packages themselves, or packages against what stays installed."""
    candidate = case.candidate
    if not candidate.changed:
        return None
    evidence = {"resulting": candidate.resulting, "offered": candidate.offered, "conflicting": list(candidate.conflicting)}
    if candidate.conflicting:
        named = ", ".join(case.component_name(component) for component in candidate.conflicting)
        return fail(words="bundle.mixed.twice", components=named, evidence=evidence, shown=_params(case))
    if candidate.bundles:
        return PASS
    common, stray = _shared_bundles(case, candidate.resulting)
    if not common and not stray and len(candidate.resulting) > 1:
        return fail(words=_words(case, "bundle.mixed"), evidence=evidence, shown=_params(case))
    return PASS


def unlisted(case: Case) -> Verdict | None:
    """A set nobody has listed: at least one version belongs to no known bundle, or only to one known in part."""
    candidate = case.candidate
    if not candidate.changed:
        return None
    evidence: dict[str, Any] = {"resulting": candidate.resulting}
    if candidate.bundles:
        named = ", ".join(bundle_text(case.catalogue, bundle) for bundle in candidate.bundles)
        return Verdict(passed=True, params={"bundle": named}, evidence={"bundles": [bundle.id for bundle in candidate.bundles]})
    common, stray = _shared_bundles(case, candidate.resulting)
    whole = [identifier for identifier in common if (bundle := case.catalogue.bundle(identifier)) is not None and bundle.complete]
    if stray or (common and not whole):
        evidence |= {"stray": stray, "known_in_part": common}
        return fail(words=_words(case, "bundle.unlisted"), evidence=evidence, shown=_params(case))
    return PASS


def incomplete(case: Case) -> Verdict | None:
    """The versions fit together, but a component of the set is missing, or one that stays is not whole."""
    candidate = case.candidate
    if not candidate.changed or candidate.conflicting:
        return None
    if not candidate.unit:
        broken = [state for state in broken_states(case.assessment) if state.component not in candidate.offered]
        if broken:
            named = ", ".join(state.name for state in broken)
            return fail(
                words="bundle.incomplete.damaged",
                components=named,
                evidence={"damaged": [s.component for s in broken]},
                shown=_params(case),
            )
    if candidate.bundles:
        return PASS
    common, _stray = _shared_bundles(case, candidate.resulting)
    missing: dict[str, None] = {}
    for identifier in common:
        bundle = case.catalogue.bundle(identifier)
        if bundle is not None and bundle.complete:
            missing |= dict.fromkeys(
                member.component for member in bundle.members if not member.optional and member.component not in candidate.resulting
            )
    if missing:
        named = ", ".join(case.component_name(component) for component in missing)
        return fail(words=_words(case, "bundle.incomplete"), components=named, evidence={"missing": list(missing)}, shown=_params(case))
    return PASS


def downgrade(case: Case) -> Verdict | None:
    """Going down works only after a complete removal (GALSS refuses over a newer receipt). This program removes first, and says so."""
    candidate = case.candidate
    installed = case.assessment.installed
    if not candidate.changed:
        return None
    optional = _older_optional(case)
    if not installed and not optional:
        return None
    down = [
        component for component, version in candidate.offered.items() if component in installed and is_before(version, installed[component])
    ]
    if not down and not optional:
        return PASS
    changes = [f"{case.component_name(component)} {installed[component]} → {candidate.offered[component]}" for component in down]
    named = ", ".join([*changes, *optional.values()])
    words = "bundle.downgrade-needs-uninstall.handled" if down else "bundle.downgrade-needs-uninstall.optional"
    return notice(words=words, changes=named, evidence={"components": [*down, *optional], "removed_first": True})


def _older_optional(case: Case) -> dict[str, str]:
    """Optional components that the packages bring in an older version than the one installed, each with the change in words."""
    present = {state.component: state.version for state in case.assessment.components if not state.core and state.version is not None}
    return {
        part.component: f"{case.component_name(part.component)} {version} → {part.version}"
        for part in case.candidate.parts
        if not part.core and (version := present.get(part.component)) is not None and is_before(part.version, version)
    }


def card_unreadable(case: Case) -> Verdict | None:
    """A generation of cards that the installed set reads and the resulting one cannot: refused when such a card is there, else said."""
    candidate = case.candidate
    installed = case.assessment.installed
    if not candidate.changed or not case.catalogue.card_generations:
        return None
    for generation in case.catalogue.card_generations:
        before, after = installed.get(generation.component), candidate.resulting.get(generation.component)
        if before is None or after is None or is_before(before, generation.minimum) or not is_before(after, generation.minimum):
            continue
        seen = case.facts.cards is not None and generation.name in case.facts.cards
        params = {
            "card": generation.name,
            "component": case.component_name(generation.component),
            "version": after,
            "installed": before,
            "minimum": generation.minimum,
        }
        evidence = {"generation": generation.name, "minimum": generation.minimum, "cards": case.facts.cards}
        if seen:
            return fail(evidence=evidence, shown=params)
        return notice(words="bundle.card-unreadable.not-seen", evidence=evidence, certainty=generation.certainty, **params)
    return PASS


def alternative_note(case: Case) -> Verdict | None:
    """A version that the bundle allows beside the one its build installs (SrvSVCNAM 3.42.02 over ATSAM 4.41)."""
    bundle = case.candidate.bundle
    if bundle is None:
        return None
    other = [
        member.component
        for member in bundle.members
        if (version := case.candidate.resulting.get(member.component)) is not None
        and len(member.versions) > 1
        and in_member(case.catalogue, member, version, bundle.family)
        and version != member.versions[0]
    ]
    if not other:
        return PASS
    named = ", ".join(f"{case.component_name(component)} {case.candidate.resulting[component]}" for component in other)
    return notice(
        words="bundle.alternative.used", components=named, bundle=bundle_text(case.catalogue, bundle), evidence={"components": other}
    )


RULES: Final = (
    Rule(ref="bundle.mixed", evaluate=mixed),
    Rule(ref="bundle.unlisted", evaluate=unlisted),
    Rule(ref="bundle.incomplete", evaluate=incomplete),
    Rule(ref="bundle.downgrade-needs-uninstall", evaluate=downgrade),
    Rule(ref="bundle.card-unreadable", evaluate=card_unreadable),
    Rule(ref="bundle.alternative", evaluate=alternative_note),
)
