"""What ``status`` and ``verify`` conclude, as values: states with their witnesses, findings with their severity."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from atsam_safe.catalogue.model import Certainty
from atsam_safe.words.model import Problem

State = Literal["ok", "damaged", "partial", "absent"]
Severity = Literal["info", "notice", "blocking"]
WitnessKind = Literal["receipt", "info-plist", "binary", "checksum", "product", "registry"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was noticed. ``ref`` is a reference of the words catalogue; ``told`` the one whose sentences tell this very case.

    ``severity``: ``blocking`` means the workstation is not right (or the run must roll back), ``notice`` is shown, ``info`` is told.
    """

    ref: str
    severity: Severity
    component: str | None = None
    params: dict[str, str] = {}
    evidence: dict[str, Any] = {}
    told: str | None = None

    @property
    def problem(self) -> Problem:
        """The same as a ``Problem``, ready for ``words.explain``."""
        return Problem(ref=self.ref, told=self.told, params=self.params, evidence=self.evidence)


class Witness(msgspec.Struct, frozen=True, kw_only=True):
    """One independent source of a component's version. ``partial``: it only knows how the version begins (3.43 for 3.43.02)."""

    kind: WitnessKind
    version: str
    source: str
    partial: bool = False


class ComponentState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about one component on the workstation. ``receipts`` are the identifiers found; ``orphans`` those without files."""

    component: str
    name: str
    version: str | None
    state: State
    core: bool
    known_release: bool = False
    witnesses: tuple[Witness, ...] = ()
    receipts: tuple[str, ...] = ()
    orphans: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


class DependentState(msgspec.Struct, frozen=True, kw_only=True):
    """Other vendors' software found on the workstation, and by what it was recognised."""

    dependent: str
    name: str
    evidence: tuple[str, ...]
    uses: tuple[str, ...] = ()
    never_touch: bool = False


class BundleFit(msgspec.Struct, frozen=True, kw_only=True):
    """A listed bundle that a set of versions is, and how sure it is that it suits an OS release.

    ``certainty`` is ``None`` when the OS release is not in the bundle's list.
    """

    bundle: str
    name: str
    certainty: Certainty | None


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """Everything ``status`` says. ``fit`` is true when the set is a listed one, whole, and known to work on this OS.

    ``bundle`` is the id of that set, ``bundle_name`` how a person calls it (``ATSAM 4.41``).
    """

    components: tuple[ComponentState, ...]
    bundle: str | None
    certainty: Certainty | None
    fit: bool
    bundle_name: str | None = None
    dependents: tuple[DependentState, ...] = ()
    findings: tuple[Finding, ...] = ()

    def component(self, identifier: str) -> ComponentState | None:
        """The state of one component, or ``None`` when the catalogue does not have it for this OS family."""
        for state in self.components:
            if state.component == identifier:
                return state
        return None

    @property
    def installed(self) -> dict[str, str]:
        """Versions of the core components that are there (whole or not) and whose version is known."""
        return {state.component: state.version for state in self.components if state.core and state.state != "absent" and state.version}


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of ``verify``: ``ok`` is false as soon as one finding is blocking."""

    ok: bool
    findings: tuple[Finding, ...]
    assessment: Assessment
