"""One component of one workstation, examined: its receipts, its version, what is missing, what is not as released."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from atsam_safe.catalogue.effects import effect_possible
from atsam_safe.catalogue.patterns import Covering, canonical, expand_homes, has_wildcard, is_apple_double, is_below, matches, matches_below
from atsam_safe.catalogue.windows_paths import key as windows_key
from atsam_safe.verify.essential import is_program, lacking, obstacle
from atsam_safe.verify.model import ComponentState, State, Witness
from atsam_safe.verify.products import component_products, product_witnesses, serving_products, speaking_products, windows_files
from atsam_safe.verify.witnesses import (
    Reading,
    View,
    component_receipts,
    component_witnesses,
    contradicts,
    decide_version,
    readings,
    release_of,
)

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import Catalogue, Component, PathRule, Release
    from atsam_safe.facts.model import InstalledProduct, PathFact, Receipt, ReceiptEntry
    from atsam_safe.verify.essential import Obstacle

# Roles whose absence or change says nothing about a component being whole.
PASSIVE_ROLES: Final = frozenset({"config", "log", "cache", "data", "backup", "inventory", "private", "receipt"})

# Reading and starting. Who may write is not asked: the vendors' scripts open to everybody what their bills of materials do not.
_USE: Final = 0o555


class LackingRights(NamedTuple):
    """A file or folder that users can no longer read or start as they could: its permission bits and those it was installed with."""

    path: str
    mode: int
    wanted: int


class Examination:
    """What the facts say about one component. Nothing is computed before it is asked for."""

    def __init__(self, component: Component, view: View, catalogue: Catalogue) -> None:
        self.component = component
        self.view = view
        self.catalogue = catalogue
        self._rules: dict[str, PathRule | None] = {}

    @cached_property
    def receipts(self) -> tuple[Receipt, ...]:
        """Every receipt of the component, current or old."""
        return component_receipts(self.component, self.view.facts)

    @cached_property
    def products(self) -> tuple[InstalledProduct, ...]:
        """The Windows products that are this component."""
        return component_products(self.component, self.view.facts)

    @cached_property
    def serving(self) -> tuple[InstalledProduct, ...]:
        """The products of the release that serves, in each width."""
        return serving_products(self.component, self.view.facts, self.products)

    @cached_property
    def speaking(self) -> list[InstalledProduct]:
        """The products by which the component is judged: only these are witnesses of its version."""
        return speaking_products(self.component, self.catalogue, self.view.facts.os.family, self.serving)

    @cached_property
    def _ruled(self) -> Covering[PathRule]:
        return Covering((rule.path, rule.scope == "tree", rule) for rule in self.component.paths)

    def rule_for(self, path: str) -> PathRule | None:
        """The most precise path rule of the component that covers ``path``."""
        if path not in self._rules:
            best: PathRule | None = None
            for rule in self._ruled.values(path):
                if best is None or len(rule.path) > len(best.path):
                    best = rule
            self._rules[path] = best
        return self._rules[path]

    def is_passive(self, path: str) -> bool:
        """True for configuration, logs and the like: they may change or be missing without the component being less whole."""
        rule = self.rule_for(path)
        if rule is not None:
            return rule.role in PASSIVE_ROLES
        # A receipt may list what several products write to (157.adm): another component's rule then says what it is.
        others = (other for component in self.catalogue.components for other in component.paths if other.scope == "file")
        return any(other.role in PASSIVE_ROLES and matches(other.path, path) for other in others)

    def removed_by_script(self, path: str) -> bool:
        """True when the vendor's script deletes, or may delete, the payload path after copying it (ListSerial, reader.conf…)."""
        return any(
            effect.kind == "remove" and matches_below(effect.path, path) and effect_possible(effect, self.view.facts.os.version)
            for effect in self.component.effects
        )

    def expected_of(self, receipt: Receipt) -> tuple[ReceiptEntry, ...]:
        """What one bill of materials says must be there: files and links, without passive and script-removed ones, and no attributes."""
        return tuple(
            entry
            for entry in receipt.entries or ()
            if entry.kind in {"file", "symlink"}
            and not is_apple_double(entry.path)
            and not self.removed_by_script(entry.path)
            and not self.is_passive(entry.path)
        )

    @cached_property
    def expected(self) -> tuple[ReceiptEntry, ...]:
        """What all bills of materials of the component expect."""
        return tuple({entry.path: entry for receipt in self.receipts for entry in self.expected_of(receipt)}.values())

    @cached_property
    def own_files(self) -> tuple[str, ...]:
        """Present paths that only this component puts there: not shared, not configuration, not a leftover of old releases."""
        found: list[str] = []
        for rule in self.component.paths:
            if rule.role in PASSIVE_ROLES or rule.shared_with or rule.legacy or rule.scope == "directory" or rule.on_uninstall == "keep":
                continue
            found += [path for path in self.view.concrete(rule.path) if self.view.anything_at(path) and not self._is_shell(path)]
        return tuple(found)

    def _is_shell(self, path: str) -> bool:
        """True for a folder of which a bill of materials lists files, none of which is there: only the folder was left.

        Where no bill lists any, the catalogue's own files in it are asked for: what others keep in the folder is not the component.
        """
        fact = self.view.paths.get(path)
        if fact is None or fact.kind != "directory":
            return False
        entries = (entry for receipt in self.receipts for entry in receipt.entries or () if entry.kind != "directory")
        below = [entry.path for entry in entries if is_below(entry.path, path)]
        if not below:
            rules = (rule for rule in self.component.paths if rule.scope == "file" and rule.role not in PASSIVE_ROLES)
            below = [rule.path for rule in rules if is_below(rule.path, path) and not has_wildcard(rule.path)]
            if all(rule.legacy for rule in self.component.paths if rule.path in below):
                return False
        return bool(below) and not any(entry in self.view.paths for entry in below)

    @cached_property
    def orphans(self) -> tuple[str, ...]:
        """Receipts whose files are all gone. Where nothing may be looked at (private folders), nothing is concluded."""
        return tuple(receipt.identifier for receipt in self.receipts if receipt.problem is None and self._is_orphan(receipt))

    def _is_orphan(self, receipt: Receipt) -> bool:
        if receipt.entries is not None:
            wanted = self.expected_of(receipt)
            return bool(wanted) and not any(entry.path in self.view.paths for entry in wanted)
        observable = any(rule.role not in PASSIVE_ROLES and not rule.legacy for rule in self.component.paths)
        return observable and not self.own_files

    @cached_property
    def present(self) -> bool:
        """True when the component is there: a receipt with files, files of its own, or a registered product."""
        return bool(self.own_files or self.products) or any(receipt.identifier not in self.orphans for receipt in self.receipts)

    @cached_property
    def declared(self) -> tuple[Witness, ...]:
        """Component-level witnesses; orphan receipts are no witnesses."""
        receipts = tuple(receipt for receipt in self.receipts if receipt.identifier not in self.orphans)
        products = product_witnesses(self.component, self.view.facts, self.speaking)
        return (*component_witnesses(self.component, self.view, receipts), *products)

    @cached_property
    def version(self) -> str | None:
        """The version most witnesses name; an exactly known release when they only know its beginning."""
        if not self.present:
            return None
        return decide_version(self.declared)

    @cached_property
    def release(self) -> Release | None:
        """The known release installed, if it is one."""
        family = self.view.facts.os.family
        return None if self.version is None else release_of(self.component, self.version, family)

    @cached_property
    def release_readings(self) -> tuple[Reading, ...]:
        """What the files say where the release fixes an expected value."""
        rules = self.release.witnesses if self.release is not None else ()
        return tuple(
            reading
            for reading in readings(rules, self.view)
            if reading.rule.value is not None and reading.value is not None and not self.is_passive(reading.path)
        )

    @cached_property
    def witness_paths(self) -> tuple[str, ...]:
        """Files that must be there because a witness of the version is read from them."""
        if self.view.facts.os.family == "windows":
            return windows_files(self.component, self.view.facts, self.serving)
        rules = (*self.component.witnesses, *(self.release.witnesses if self.release is not None else ()))
        paths = (path for rule in rules if rule.path and not has_wildcard(rule.path) for path in self.view.concrete(rule.path))
        return tuple(dict.fromkeys(path for path in paths if not self.is_passive(path) and not self.removed_by_script(path)))

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Expected paths that are not there: of the bills of materials, of the witnesses, and what the release is not without.

        A bill alone would be a package's word for itself: one without the programs agrees with it.
        """
        wanted = (*(entry.path for entry in self.expected), *self._witnessed)
        if self.view.facts.os.family == "windows":
            seen = {windows_key(path) for path, fact in self.view.paths.items() if not _is_empty(fact)}
            return tuple(path for path in wanted if windows_key(path) not in seen)
        empty = (path for path in self._witnessed if path in self.view.paths and _is_empty(self.view.paths[path]))
        absent = (path for path in wanted if path not in self.view.paths)
        essential = lacking(self.component, self._holds) if self.release is not None else ()
        return tuple(dict.fromkeys((*absent, *empty, *essential)))

    @property
    def _witnessed(self) -> tuple[str, ...]:
        """The witnesses' own files: of a listed release, or where no bill of materials could be read."""
        unread = not any(receipt.entries is not None for receipt in self.receipts)
        return self.witness_paths if unread or self.release is not None else ()

    def _holds(self, rule: PathRule) -> bool:
        """True when what an essential rule names is there. Of a folder nobody looked into nothing is concluded."""
        for path in self.view.concrete(rule.path):
            fact = self.view.paths.get(path)
            if fact is None or (rule.scope == "file" and _is_empty(fact)):
                continue
            if rule.scope == "file" or fact.kind != "directory":
                return True
            listed = [entry for receipt in self.receipts for entry in receipt.entries or () if entry.kind != "directory"]
            below = [entry for entry in listed if is_below(entry.path, path)]
            seen = (self.view.paths.get(entry.path) for entry in below)
            if not below or any(one is not None and is_program(one.kind, one.mode, one.size) for one in seen):
                return True
        return False

    @cached_property
    def obstacles(self) -> tuple[tuple[str, Obstacle], ...]:
        """Essential programs that cannot run on this workstation, and why. Old alternatives beside the right ones harm nobody."""
        paths = (path for rule in self.component.paths if rule.essential and not rule.legacy for path in self.view.concrete(rule.path))
        found = ((path, self.view.paths[path].image) for path in paths if path in self.view.paths)
        system = self.view.facts.os
        return tuple((path, why) for path, image in found if image is not None and (why := obstacle(image, system)) is not None)

    @cached_property
    def changed(self) -> tuple[str, ...]:
        """Files that are not those of the release: another kind, size, checksum or declared version, or unreadable."""
        found = [entry.path for entry in self.expected if (fact := self.view.paths.get(entry.path)) is not None and differs(entry, fact)]
        found += [reading.path for reading in self.release_readings if not reading.as_released]
        found += [path for path in self.witness_paths if path in self.view.paths and self.view.paths[path].problem is not None]
        return tuple(dict.fromkeys(found))

    @cached_property
    def lacking_rights(self) -> tuple[LackingRights, ...]:
        """What may no longer be read or started, by the bills of materials and the effects of the vendor's scripts.

        More than one mode can be right (an effect of a script nobody read for this release): one that allows no more than what is there
        is enough. Logs, caches and private files are their programs' own.
        """
        found: dict[str, LackingRights] = {}
        for entry in (entry for receipt in self.receipts for entry in receipt.entries or ()):
            fact = self.view.paths.get(entry.path)
            if fact is None or fact.kind != entry.kind or entry.kind == "symlink" or not self._has_users(entry):
                continue
            possible = [entry.mode, *(mode for target, below, mode in self._mode_effects if _means(target, entry.path, below=below))]
            if all(mode & _USE & ~fact.mode for mode in possible):
                found[entry.path] = LackingRights(entry.path, fact.mode & 0o777, possible[-1] & 0o777)
        return tuple(found.values())

    @cached_property
    def _mode_effects(self) -> list[tuple[str, bool, int]]:
        """Target, « also below » and mode of every effect that a script of some release may have had on this system."""
        facts = self.view.facts
        return [
            (canonical(path), effect.recursive, int(effect.mode, 8))
            for effect in self.component.effects
            if effect.mode is not None and effect.kind != "remove" and effect_possible(effect, facts.os.version)
            for path in expand_homes(effect.path, facts.homes)
        ]

    def _has_users(self, entry: ReceiptEntry) -> bool:
        rule = self.rule_for(entry.path)
        if rule is not None:
            return rule.role not in PASSIVE_ROLES or rule.role == "config"
        # folders above its own are everybody's, and a bill of materials names them all
        return entry.kind == "file" and not self.is_passive(entry.path)

    @cached_property
    def disagreeing(self) -> tuple[Witness, ...]:
        """Witnesses that cannot be speaking of the decided version."""
        if self.version is None:
            return ()
        return tuple(witness for witness in self.declared if contradicts(witness, self.version))

    @cached_property
    def witnesses(self) -> tuple[Witness, ...]:
        """Component-level witnesses and the release-level ones that recognised the release."""
        recognised = (
            ()
            if self.release is None
            else tuple(
                Witness(kind=reading.rule.kind, version=self.release.version, source=reading.path)
                for reading in self.release_readings
                if reading.as_released
            )
        )
        return (*self.declared, *recognised)

    @cached_property
    def state(self) -> State:
        """See ``verify.assess`` for what the states mean."""
        if not self.present:
            return "absent"
        if self.changed or self.disagreeing or any(receipt.problem is not None for receipt in self.receipts):
            return "damaged"
        # Rosetta 2 can be added at any time: the programs themselves are whole.
        if any(why != "rosetta" for _path, why in self.obstacles):
            return "damaged"
        if self.missing or not (self.receipts or self.products):
            return "partial"
        return "ok"

    def summary(self) -> ComponentState:
        """The same as a value."""
        return ComponentState(
            component=self.component.id,
            name=self.component.name,
            version=self.version,
            state=self.state,
            core=self.component.core,
            known_release=self.release is not None,
            witnesses=self.witnesses if self.present else (),
            receipts=tuple(receipt.identifier for receipt in self.receipts),
            orphans=self.orphans,
            missing=self.missing if self.present else (),
            changed=self.changed if self.present else (),
        )


def examined(catalogue: Catalogue, view: View) -> list[Examination]:
    """Every component that this family of systems can have, examined."""
    family = view.facts.os.family
    return [Examination(component, view, catalogue) for component in catalogue.components if family in component.families]


def differs(entry: ReceiptEntry, fact: PathFact) -> bool:
    """True when what is there is not what the bill of materials says: another kind, size, link target or, where it was read, content."""
    if fact.kind != entry.kind:
        return True
    if entry.kind == "symlink":
        return entry.link is not None and fact.link != entry.link
    read = entry.checksum is not None and fact.checksum is not None
    return entry.kind == "file" and (fact.size != entry.size or (read and fact.checksum != entry.checksum))


def _means(target: str, path: str, *, below: bool) -> bool:
    return matches_below(target, path) if below else matches(target, path)


def _is_empty(fact: PathFact) -> bool:
    return fact.kind == "file" and fact.size == 0
