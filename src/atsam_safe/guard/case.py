"""What every rule is given, and the few words in which a rule answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from atsam_safe.catalogue.model import Certainty
from atsam_safe.catalogue.names import bundle_text, component_text, set_text
from atsam_safe.guard.candidate import Candidate, build_candidate
from atsam_safe.verify.assessment import assess, os_text
from atsam_safe.verify.bundles import os_family_text, recommended_bundle
from atsam_safe.verify.witnesses import View

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import Bundle, Catalogue
    from atsam_safe.facts.model import Facts
    from atsam_safe.guard.model import Command, RunState
    from atsam_safe.packages.model import Inspection
    from atsam_safe.verify.model import Assessment


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A rule's answer. ``words`` names the sentences that tell this very case when they are not the rule's usual ones."""

    passed: bool
    words: str | None = None
    params: dict[str, str] = {}
    evidence: dict[str, Any] = {}
    notice: bool = False
    certainty: Certainty | None = None


PASS = Verdict(passed=True)


class Case:
    """One question to the guard: the facts, the catalogue, the packages, and what follows from them (worked out once)."""

    def __init__(self, *, facts: Facts, catalogue: Catalogue, inspections: tuple[Inspection, ...], run: RunState, command: Command) -> None:
        self.facts = facts
        self.catalogue = catalogue
        self.inspections = inspections
        self.run = run
        self.command = command

    @cached_property
    def assessment(self) -> Assessment:
        """The workstation as it is."""
        return assess(self.facts, self.catalogue)

    @cached_property
    def candidate(self) -> Candidate:
        """What the packages would make of it."""
        return build_candidate(self.facts, self.catalogue, self.inspections, self.assessment)

    @cached_property
    def view(self) -> View:
        """Look-ups in the facts."""
        return View(self.facts)

    @cached_property
    def recommended(self) -> Bundle | None:
        """The ATSAM build that suits this workstation."""
        return recommended_bundle(self.catalogue, self.facts.os)

    @property
    def os(self) -> str:
        """The OS as a person reads it."""
        release = next(
            (entry for entry in self.catalogue.os_releases if entry.family == self.facts.os.family and entry.version == self.os_family),
            None,
        )
        text = os_text(self.facts)
        return text if release is None or text.startswith(release.name) else f"{text} ({release.name})"

    @property
    def os_family(self) -> str | None:
        """The OS release family as the manifests write it, or ``None`` when it cannot be read."""
        return os_family_text(self.facts.os)

    def component_name(self, identifier: str) -> str:
        """A component as a person reads it."""
        return component_text(self.catalogue, identifier)

    def set_text(self, versions: dict[str, str]) -> str:
        """A set of versions as a person reads it: ``GALSS 3.42.03, SrvSVCNAM 3.40.02``."""
        return set_text(self.catalogue, versions)

    def package_text(self) -> str:
        """The packages as a person reads them: the build's number when they are one, else what they bring."""
        bundle = next((bundle for bundle in self.candidate.bundles if bundle.build is not None), None)
        if bundle is not None and self.candidate.unit:
            return bundle_text(self.catalogue, bundle)
        return self.set_text(self.candidate.offered) or "?"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule: its public reference, the commands it concerns, and the function that answers (``None``: not applicable).

    Its severity (acceptable or not, exit code) and its sentences stand under the same reference in the words catalogue.
    """

    ref: str
    evaluate: Callable[[Case], Verdict | None]
    commands: frozenset[str] = frozenset({"install"})


def fail(
    *, words: str | None = None, evidence: dict[str, Any] | None = None, shown: dict[str, str] | None = None, **params: str
) -> Verdict:
    """The rule refuses. ``shown`` are parameters common to several rules."""
    return Verdict(passed=False, words=words, params={**(shown or {}), **params}, evidence=evidence or {})


def notice(
    *, words: str | None = None, evidence: dict[str, Any] | None = None, certainty: Certainty | None = None, **params: str
) -> Verdict:
    """The rule passes, and a person must see why."""
    return Verdict(passed=True, words=words, params=params, evidence=evidence or {}, notice=True, certainty=certainty)
