"""The witnesses of a component's version: its receipts, Info.plists, binaries and checksums, and what each of them says.

Nothing is concluded from a file's name. A witness that only knows how the version begins (a framework saying 3.43 inside
GALSS 3.43.02) can contradict a version but never names one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from atsam_safe.catalogue.model import WitnessRule
from atsam_safe.catalogue.patterns import expand_homes, has_wildcard, matches, parents
from atsam_safe.verify.bundles import is_release
from atsam_safe.verify.model import Witness
from atsam_safe.versions import ComponentVersion, VersionError, matches_release

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from atsam_safe.catalogue.model import Component, Release
    from atsam_safe.facts.model import Facts, PathFact, Receipt


class View:
    """Facts with look-ups that do not walk the lists again and again. ``Facts`` itself stays a plain value."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.paths: dict[str, PathFact] = {fact.path: fact for fact in facts.paths}
        self.folders: frozenset[str] = frozenset(folder for path in self.paths for folder in parents(path))

    def concrete(self, pattern: str) -> tuple[str, ...]:
        """The paths a catalogue pattern stands for here: homes expanded; with ``*``, those that were seen."""
        found: list[str] = []
        for path in expand_homes(pattern, self.facts.homes):
            if has_wildcard(path):
                found += [seen for seen in self.paths if matches(path, seen)]
            else:
                found.append(path)
        return tuple(found)

    def link_above(self, path: str) -> str | None:
        """The link on the way to ``path``, if one was seen: what lies behind it is not known."""
        return next((folder for folder in parents(path) if folder in self.paths and self.paths[folder].kind == "symlink"), None)

    def anything_at(self, path: str) -> bool:
        """True when the path, or something below it, was seen."""
        return path in self.paths or path in self.folders


def component_receipts(component: Component, facts: Facts) -> tuple[Receipt, ...]:
    """The receipts of a component, current and old identifiers; old-style folders count with their own rule."""
    found: list[Receipt] = []
    for receipt in facts.receipts:
        for rule in component.receipts:
            same = receipt.identifier == rule.id if rule.match == "exact" else receipt.identifier.startswith(rule.id)
            folder = "/Library/Receipts/" in receipt.store
            if same and folder == (rule.style == "bundle"):
                found.append(receipt)
                break
    return tuple(found)


def is_current(component: Component, receipt: Receipt) -> bool:
    """True for a receipt identifier that present releases use: only those say which version is installed."""
    return any(
        rule.current and (rule.id == receipt.identifier if rule.match == "exact" else receipt.identifier.startswith(rule.id))
        for rule in component.receipts
    )


def _speaking(component: Component, receipts: Iterable[Receipt]) -> list[Receipt]:
    """The receipts that say which version is installed.

    A component with two current identifiers keeps the receipt of the release before when the next one comes under the other: of those
    that differ the one installed last speaks. Without dates nothing says which that is, and a contradiction stays one.
    """
    current = [receipt for receipt in receipts if is_current(component, receipt) and _readable(receipt.version)]
    names = {rule.id for rule in component.receipts if rule.current and rule.match == "exact"}
    dates = [receipt.installed_at for receipt in current if receipt.identifier in names]
    if None in dates or len(set(dates)) < 2:  # noqa: PLR2004 - one moment, or none
        return current
    last = max(date for date in dates if date is not None)
    said = {_key(receipt) for receipt in current if receipt.identifier in names and receipt.installed_at == last}
    return [receipt for receipt in current if receipt.identifier not in names or _key(receipt) in said]


def _key(receipt: Receipt) -> tuple[int, ...]:
    return ComponentVersion.parse(receipt.version or "").key


def _readable(version: str | None) -> bool:
    if version is None:
        return False
    try:
        ComponentVersion.parse(version)
    except VersionError:
        return False
    return True


def _value_at(rule: WitnessRule, fact: PathFact) -> str | None:
    if rule.kind == "info-plist":
        return fact.bundle.get(rule.key) if fact.bundle else None
    if rule.kind == "binary":
        return fact.image.current_version if fact.image else None
    if rule.kind == "checksum":
        return fact.sha256
    return None


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a witness rule found: ``value`` as read, or ``None`` when the file is there but says nothing."""

    rule: WitnessRule
    path: str
    value: str | None

    @property
    def as_released(self) -> bool:
        """True when the value is the one the release fixes."""
        return self.value is not None and self.rule.value is not None and self.value.casefold() == self.rule.value.casefold()


def readings(rules: Iterable[WitnessRule], view: View) -> Iterator[Reading]:
    """Every rule that has a path, at each place where something was seen."""
    for rule in rules:
        if rule.path is None:
            continue
        for path in view.concrete(rule.path):
            fact = view.paths.get(path)
            if fact is not None:
                yield Reading(rule=rule, path=path, value=_value_at(rule, fact))


def component_witnesses(component: Component, view: View, receipts: Iterable[Receipt]) -> tuple[Witness, ...]:
    """The component-level witnesses: current receipts, and what the files declare."""
    found = [
        Witness(kind="receipt", version=receipt.version or "", source=receipt.identifier) for receipt in _speaking(component, receipts)
    ]
    for reading in readings(component.witnesses, view):
        if reading.value is not None and reading.rule.value is None and _readable(reading.value):
            partial = reading.rule.compare == "prefix"
            found.append(Witness(kind=reading.rule.kind, version=reading.value, source=reading.path, partial=partial))
    return tuple(found)


def release_of(component: Component, version: str, family: str) -> Release | None:
    """The known release this version is, or ``None``: exactly listed ones before those known by their beginning."""
    fitting = [
        release for release in component.releases if release.family == family and is_release(component, release.version, version, family)
    ]
    fitting.sort(key=lambda release: release.version_is_prefix)
    return fitting[0] if fitting else None


def contradicts(witness: Witness, version: str) -> bool:
    """True when the witness cannot be speaking of ``version``."""
    if witness.partial:
        return not matches_release(witness.version, version, prefix=True)
    return not matches_release(witness.version, version, prefix=False)


def decide_version(witnesses: Iterable[Witness]) -> str | None:
    """The version most witnesses that name one agree on; the receipt decides between equals. ``None`` when nobody names one."""
    votes: dict[tuple[int, ...], list[Witness]] = {}
    for witness in witnesses:
        if not witness.partial and witness.kind != "checksum":
            votes.setdefault(ComponentVersion.parse(witness.version).key, []).append(witness)
    if not votes:
        partial = [witness for witness in witnesses if witness.partial]
        return partial[0].version if partial else None
    best = max(votes.values(), key=lambda group: (len(group), any(witness.kind == "receipt" for witness in group)))
    return best[0].version
