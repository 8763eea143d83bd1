"""Whose is a path? Decides what is kept when components are removed, and says why.

Only paths that belong to a component (its receipts' bills of materials, or the catalogue) are ever removed (law 5), and of these not:
system folders, private paths (law 9), what another receipt lists (or may list, where it cannot be read), what a dependent owns or
shares, what a component that stays uses too, what only a receipt of ours names and is not what it recorded, and what the catalogue
says to keep (logs, the vendor's backups, preserved configuration).
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.catalogue.effects import effect_applies, script_was_read
from atsam_safe.catalogue.patterns import Covering, canonical, expand_homes, fold, has_wildcard, is_below, lying_below, matches, parents
from atsam_safe.catalogue.system_folders import is_system_folder
from atsam_safe.guard.altered import altered
from atsam_safe.guard.strangers import undecided
from atsam_safe.plan.folders import needs_catalogue
from atsam_safe.plan.model import KeptPath
from atsam_safe.verify.assessment import assess
from atsam_safe.verify.witnesses import View, component_receipts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from atsam_safe.catalogue.model import Catalogue, Component, PathRule
    from atsam_safe.facts.model import Facts, Receipt

_OWN_ROLES: Final = frozenset({"program", "library", "service", "link", "receipt"})
_ROLE_REASONS: Final = {"config": "configuration", "log": "log", "backup": "backup", "cache": "cache"}


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's claim on a path (a pattern, homes expanded), and why it keeps the path from being removed."""

    pattern: str
    below: bool
    reason: str
    owner: str | None = None


class Ownership:
    """Claims on every path, for one set of components to be removed (``removed``). ``preserve``: configuration stays.

    ``versions``: which of them come back, in which release.
    """

    def __init__(
        self, facts: Facts, catalogue: Catalogue, removed: Iterable[str], *, preserve: bool, versions: Mapping[str, str] | None = None
    ) -> None:
        self.facts = facts
        self.catalogue = catalogue
        self.view = View(facts)
        chosen = frozenset(removed)
        self.components = tuple(component for component in catalogue.components if component.id in chosen)
        self._answers: dict[str, KeptPath | None] = {}
        self._foreign = {fold(canonical(claim.path)): claim.receipt for claim in facts.foreign_claims}
        self._altered = frozenset(canonical(path) for path in altered(facts, self.components))
        self._private = self._private_patterns()
        self._private_places = Covering((pattern, True, None) for pattern in self._private)
        self._staying = self._staying_owners()
        self._others = tuple(self._claims_of_others())
        self._claims = Covering((claim.pattern, claim.below, claim) for claim in self._others)
        self._claimed = sorted({claim.pattern for claim in self._others})
        self._undecided = frozenset(fold(canonical(path)) for path in undecided(facts, catalogue, self.components))
        self._foreign_paths = sorted({*self._foreign, *self._undecided})
        self._kept_rules = {
            (component.id, rule.path) for component in self.components for rule in component.paths if self._is_kept(rule, preserve=preserve)
        }
        self._rules = [
            (component, rule, pattern) for component in self.components for rule in component.paths for pattern in self.expand(rule.path)
        ]
        self._ruled = Covering((pattern, rule.scope == "tree", (component, rule)) for component, rule, pattern in self._rules)
        self._unwritten = self._unwritten_registrations(versions or {}) | self._same_inventories(versions or {})

    @property
    def live(self) -> bool:
        """True on a running system, where vendors' programs and the system's installer act beside us."""
        return self.facts.adapter != "offline"

    # --- claims ----------------------------------------------------------------------------------------------------------

    def expand(self, path: str) -> tuple[str, ...]:
        """The pattern with homes expanded, in its one spelling."""
        return tuple(canonical(concrete) for concrete in expand_homes(path, self.facts.homes))

    def _private_patterns(self) -> tuple[str, ...]:
        return tuple(
            pattern
            for component in self.catalogue.components
            for rule in component.paths
            if rule.role == "private"
            for pattern in self.expand(rule.path)
        )

    def _staying_owners(self) -> dict[str, str]:
        """Components and dependents that are there and stay: id → name."""
        assessment = assess(self.facts, self.catalogue)
        self._present = {state.component: state.version for state in assessment.components if state.version is not None}
        removed = {component.id for component in self.components}
        staying = {
            state.component: state.name
            for state in assessment.components
            if state.component not in removed and (state.state != "absent" or state.receipts)
        }
        staying |= {dependent.dependent: dependent.name for dependent in assessment.dependents}
        return staying

    def _claims_of_others(self) -> Iterable[Claim]:
        for component in self.catalogue.components:
            if component.id in self._staying:
                yield from self._claims_of_component(component)
        for dependent in self.catalogue.dependents:
            if self.facts.os.family not in dependent.families:
                continue
            present = dependent.id in self._staying
            for path in (*dependent.owns, *(dependent.paths if present else ())):
                yield from (Claim(pattern=one, below=True, reason="dependent", owner=dependent.name) for one in self.expand(path))
            for path in dependent.shares if present else ():
                yield from (Claim(pattern=one, below=False, reason="used", owner=dependent.name) for one in self.expand(path))

    def _claims_of_component(self, component: Component) -> Iterable[Claim]:
        """What a component that stays has by the catalogue, and what its receipts list (folders prove nothing)."""
        for rule in component.paths:
            if not rule.legacy and rule.role != "private":
                below = rule.scope == "tree"
                yield from (Claim(pattern=one, below=below, reason="shared", owner=component.name) for one in self.expand(rule.path))
        for receipt in component_receipts(component, self.facts):
            for entry in receipt.entries or ():
                if entry.kind != "directory":
                    yield Claim(pattern=canonical(entry.path), below=False, reason="shared", owner=component.name)

    def _is_kept(self, rule: PathRule, *, preserve: bool) -> bool:
        if rule.on_uninstall == "keep" or rule.role == "private":
            return True
        return preserve and rule.role == "config" and not rule.legacy

    def _unwritten_registrations(self, versions: Mapping[str, str]) -> frozenset[str]:
        """What a script of the component writes beside its files, and nobody can write for a release whose script was not read.

        It was there and worked; taken away, nothing would bring it back (Firefox would no longer know the library).
        """
        os_version = self.facts.os.version
        return frozenset(
            path
            for component in self.components
            if component.id in versions
            for effect in component.effects
            if effect.kind == "write-file" and not effect_applies(effect, versions[component.id], os_version)
            for path in self.expand(effect.path)
            if (found := self.rule_for(path)) is not None and found[1].role == "data"
        )

    def _same_inventories(self, versions: Mapping[str, str]) -> frozenset[str]:
        """Inventory files of a release that comes back as it was, whose script nobody read: they stay true, and nothing writes them anew.

        Of another release they would tell the health insurance a wrong version: they go, and that is told.
        """
        os_version = self.facts.os.version
        return frozenset(
            path
            for component in self.components
            if component.id in versions
            and versions[component.id] == self._present.get(component.id)
            and not script_was_read(component, versions[component.id], os_version)
            for rule in component.paths
            if rule.role == "inventory" and rule.created_by_script
            for path in self.expand(rule.path)
        )

    # --- questions -------------------------------------------------------------------------------------------------------

    def is_private(self, path: str) -> bool:
        """True when the path, or one above it, is private."""
        return self._private_places.covers(path)

    def holds_private(self, folder: str) -> bool:
        """True when something private lies, or may lie, below ``folder``."""
        return any(is_below(pattern, folder) for pattern in self._private)

    def rule_for(self, path: str) -> tuple[Component, PathRule] | None:
        """The most precise rule of the removed components that covers ``path``; a rule that keeps wins among equals."""
        best: tuple[Component, PathRule] | None = None
        for component, rule in self._ruled.values(path):
            if best is None or (len(rule.path), (component.id, rule.path) in self._kept_rules) > (
                len(best[1].path),
                (best[0].id, best[1].path) in self._kept_rules,
            ):
                best = (component, rule)
        return best

    def kept(self, path: str) -> KeptPath | None:
        """Why ``path`` must not be removed, or ``None``. Says nothing of what lies below it."""
        # Asked of every path once for itself and once for each folder above it; the answer never changes.
        if path not in self._answers:
            self._answers[path] = self._why_kept(path)
        return self._answers[path]

    def _why_kept(self, path: str) -> KeptPath | None:
        if is_system_folder(path):
            return KeptPath(path=path, reason="system-folder")
        if self.is_private(path):
            return KeptPath(path=path, reason="private")
        found = self.rule_for(path)
        return self._kept_for_others(path, found) or self._kept_by_rule(path, found)

    def _kept_for_others(self, path: str, found: tuple[Component, PathRule] | None) -> KeptPath | None:
        """Another receipt lists it, a component that stays uses it, or a dependent owns or shares it."""
        receipt = self._foreign.get(fold(path))
        if receipt is not None:
            return KeptPath(path=path, reason="foreign", owner=receipt)
        if fold(path) in self._undecided:
            return KeptPath(path=path, reason="undecided")
        # What a dependent merely uses (a framework of ours) is ours to replace; what it shares as data is not.
        ours = found is not None and found[1].role in _OWN_ROLES and not found[1].shared_with
        for claim in self._claims.values(path):
            if not (claim.reason == "used" and ours):
                return KeptPath(path=path, reason="dependent" if claim.reason == "used" else claim.reason, owner=claim.owner)
        return None

    def _kept_by_rule(self, path: str, found: tuple[Component, PathRule] | None) -> KeptPath | None:
        """The catalogue says to keep it, somebody it is shared with stays, or only a receipt claims it and is not enough."""
        if found is None and path in self._altered:
            return KeptPath(path=path, reason="altered")
        if found is None:
            return KeptPath(path=path, reason="system-place") if needs_catalogue(path) else None
        component, rule = found
        if (component.id, rule.path) in self._kept_rules:
            return KeptPath(path=path, reason=_ROLE_REASONS.get(rule.role, "catalogue"), owner=component.name)
        if path in self._unwritten:
            return KeptPath(path=path, reason="catalogue", owner=component.name)
        sharer = next((self._staying[owner] for owner in rule.shared_with if owner in self._staying), None)
        return None if sharer is None else KeptPath(path=path, reason="shared", owner=sharer)

    def kept_below(self, folder: str) -> bool:
        """True when something below ``folder`` must stay, or may be private and so cannot be known."""
        if self.holds_private(folder):
            return True
        if any(lying_below(self._foreign_paths, fold(folder))):
            return True
        if any(self._exists(pattern) for pattern in lying_below(self._claimed, folder)):
            return True
        return any(self.kept(path) is not None for path in lying_below(self._known_in_order, folder))

    def others_below(self, folder: str) -> tuple[KeptPath, ...]:
        """The files below ``folder`` that nothing of ours names and that somebody else's receipt claims, or may claim: they stay."""
        found = (self.kept(canonical(path)) for path in self.facts.unclaimed if is_below(canonical(path), folder))
        return tuple(kept for kept in found if kept is not None and kept.reason in {"foreign", "undecided"})

    def _exists(self, pattern: str) -> bool:
        return any(matches(pattern, path) for path in self.known_paths) if has_wildcard(pattern) else pattern in self.known_paths

    @cached_property
    def known_paths(self) -> frozenset[str]:
        """Everything that was seen, and every folder above it."""
        seen = {canonical(path) for path in self.view.paths} | {canonical(config.path) for config in self.facts.configs}
        return frozenset(seen | {folder for path in seen for folder in parents(path)})

    @cached_property
    def _known_in_order(self) -> tuple[str, ...]:
        return tuple(sorted(self.known_paths))

    def places(self, rule: PathRule) -> tuple[str, ...]:
        """The concrete paths of a rule: with ``*``, those that were seen."""
        found: list[str] = []
        for pattern in self.expand(rule.path):
            if has_wildcard(pattern):
                found += sorted(path for path in self.known_paths if matches(pattern, path))
            else:
                found.append(pattern)
        return tuple(found)

    def receipts_of(self, component: Component) -> tuple[Receipt, ...]:
        """The receipts of one component."""
        return component_receipts(component, self.facts)

    def preserved(self) -> tuple[str, ...]:
        """Configuration files of the removed components that are there and stay: a pair stays even when only one is left."""
        found = [
            pattern
            for component, rule, pattern in self._rules
            if rule.role == "config" and not rule.legacy and (component.id, rule.path) in self._kept_rules and pattern in self.known_paths
        ]
        return tuple(dict.fromkeys(found))
