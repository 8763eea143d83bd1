"""Which steps remove components as a unit: services and processes first, then files deepest first, empty folders, receipts last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from atsam_safe.catalogue.patterns import canonical, depth, has_wildcard, is_below, matches, parents
from atsam_safe.plan.model import ForgetReceipt, KeptPath, RemovePath, RunUninstaller, ScopeKind, Step, StopProcess, StopService

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atsam_safe.catalogue.model import ServiceRule
    from atsam_safe.facts.model import ServiceFact
    from atsam_safe.plan.ownership import Ownership

_LIVE: str = "macos"


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """The removal phase. ``residue``: paths that must not exist when it is over; ``trees``: receipt folders of the old style."""

    steps: tuple[Step, ...]
    kept: tuple[KeptPath, ...]
    residue: tuple[str, ...]
    receipt_paths: tuple[tuple[str, ScopeKind], ...]


class _Removals:
    """Paths to be removed, each once; a tree swallows what lies below it."""

    def __init__(self, ownership: Ownership) -> None:
        self._ownership = ownership
        self.found: dict[str, RemovePath] = {}
        self.kept: dict[str, KeptPath] = {}

    def add(self, path: str, kind: ScopeKind, why: str, component: str | None) -> None:
        """Ask for one path; it may turn out to be kept, or to be a tree in which something is kept."""
        path = canonical(path)
        fact = self._ownership.view.paths.get(path)
        if kind == "file" and fact is not None and fact.kind == "directory":
            # Not what the component put there: at most an empty folder goes, and a residue that stays is said.
            kind = "directory"
        kept = self._ownership.kept(path)
        if kept is not None:
            if kind == "tree":
                self._keep_of_others(path)
            if kept.reason not in {"private", "system-folder", "system-place"} and path in self._ownership.known_paths:
                self.kept.setdefault(path, kept)
            return
        if kind == "tree" and self._ownership.kept_below(path):
            self._split(path, why, component)
            return
        present = self.found.get(path)
        if present is None or (present.kind, kind) in {("file", "tree"), ("directory", "tree"), ("directory", "file")}:
            self.found[path] = RemovePath(path=path, kind=kind, why=why, component=component)  # type: ignore[arg-type]  # a PathKind

    def _keep_of_others(self, folder: str) -> None:
        """Say of each file of others in a folder that stays that it stays: it is looked for afterwards."""
        for kept in self._ownership.others_below(folder):
            self.kept.setdefault(kept.path, kept)

    def _split(self, folder: str, why: str, component: str | None) -> None:
        """A tree with something inside that stays: only what is known to be ours goes, folders only when empty."""
        self._keep_of_others(folder)
        for path in sorted(self._ownership.known_paths):
            if not is_below(path, folder):
                continue
            fact = self._ownership.view.paths.get(path)
            is_folder = fact is None or fact.kind == "directory"
            self.add(path, "directory" if is_folder else "file", why, component)
        self.add(folder, "directory", why, component)

    def ordered(self) -> tuple[RemovePath, ...]:
        """Files and trees deepest first, then folders deepest first; nothing below a tree that goes as a whole."""
        trees = {path for path, step in self.found.items() if step.kind == "tree"}
        steps = [step for path, step in self.found.items() if not any(folder in trees for folder in parents(path))]
        steps.sort(key=lambda step: (step.kind == "directory", -depth(step.path), step.path))
        return tuple(steps)


def plan_removal(ownership: Ownership) -> Removal:
    """Everything of the given components that goes, and everything that deliberately stays."""
    removals = _Removals(ownership)
    receipts, receipt_paths = _forget(ownership)
    forgotten = {path for path, _kind in receipt_paths}
    _from_receipts(ownership, removals)
    _from_catalogue(ownership, removals, forgotten)
    services = _services(ownership)
    for component, service in services:
        removals.add(service.path, "file", "catalogue", component)
    files = removals.ordered()
    steps: list[Step] = [
        *(
            StopService(component=component, label=service.label, path=service.path, domain=service.domain)
            for component, service in services
        ),
        *_stop_processes(ownership),
        *_uninstallers(ownership),
        *files,
        *receipts,
    ]
    return Removal(
        steps=tuple(steps),
        kept=tuple(sorted(removals.kept.values(), key=lambda kept: kept.path)),
        residue=_residue(ownership, files, forgotten),
        receipt_paths=receipt_paths,
    )


def _from_receipts(ownership: Ownership, removals: _Removals) -> None:
    """Everything the bills of materials list; folders only as folders, removed when empty."""
    for component in ownership.components:
        for receipt in ownership.receipts_of(component):
            for entry in receipt.entries or ():
                if entry.kind == "other":
                    continue
                removals.add(entry.path, "directory" if entry.kind == "directory" else "file", "receipt", component.id)


def _from_catalogue(ownership: Ownership, removals: _Removals, forgotten: set[str]) -> None:
    """What the catalogue knows beyond the receipts: script-made files, and leftovers of older releases."""
    for component in ownership.components:
        for rule in component.paths:
            if rule.role == "private":
                continue
            for path in ownership.places(rule):
                if path in forgotten or path not in ownership.known_paths:
                    continue
                removals.add(path, rule.scope, "residue" if rule.legacy else "catalogue", component.id)


def _forget(ownership: Ownership) -> tuple[tuple[ForgetReceipt, ...], tuple[tuple[str, ScopeKind], ...]]:
    steps: list[ForgetReceipt] = []
    paths: dict[str, ScopeKind] = {}
    for component in ownership.components:
        for receipt in ownership.receipts_of(component):
            places = [canonical(place) for place in (receipt.store, receipt.bom) if place]
            folders = [place for place in places if "/Library/Receipts/" in f"{place}/" and place == canonical(receipt.store)]
            kept = [place for place in places if not any(is_below(place, folder) for folder in folders)]
            if not kept:
                continue
            steps.append(ForgetReceipt(component=component.id, identifier=receipt.identifier, paths=tuple(dict.fromkeys(kept))))
            paths |= {place: "tree" if place in folders else "file" for place in kept}
    return tuple(steps), tuple(sorted(paths.items()))


def _services(ownership: Ownership) -> list[tuple[str, ServiceFact]]:
    """Job files of the components that are there, in the order in which they are stopped."""
    found: list[tuple[int, str, str, ServiceFact]] = []
    for component in ownership.components:
        for rule in component.services:
            ours = (service for service in ownership.facts.services if _is_of(rule, service, ownership))
            found += [(rule.order, service.label, component.id, service) for service in ours]
    found.sort(key=lambda entry: entry[:3])
    return list({(entry[3].label, entry[3].path): (entry[2], entry[3]) for entry in found}.values())


def _is_of(rule: ServiceRule, service: ServiceFact, ownership: Ownership) -> bool:
    """By the file's place where the rule names one: what the job is called is the file's to say."""
    if rule.path is not None:
        return any(matches(path, service.path) for path in ownership.expand(rule.path))
    return service.label == rule.label if rule.match == "exact" else service.label.startswith(rule.label)


def _stop_processes(ownership: Ownership) -> Iterable[StopProcess]:
    """Running processes of the components; on an offline volume nothing runs and nothing is planned."""
    seen: set[str] = set()
    for component in ownership.components:
        patterns = [path for rule in component.processes if rule.action == "stop" for path in ownership.expand(rule.path)]
        for process in ownership.facts.processes or ():
            if process.path not in seen and any(matches(pattern, process.path) for pattern in patterns):
                seen.add(process.path)
                yield StopProcess(component=component.id, path=process.path)


def _uninstallers(ownership: Ownership) -> Iterable[RunUninstaller]:
    """The vendors' own uninstallers, as guests, on a running macOS only: what they leave behind is removed by the steps that follow."""
    if ownership.facts.adapter != _LIVE:
        return
    for component in ownership.components:
        for rule in component.uninstallers:
            if rule.path in ownership.known_paths:
                yield RunUninstaller(
                    component=component.id, path=rule.path, arguments=rule.arguments, answers=rule.answers, sha256=rule.sha256
                )


def _residue(ownership: Ownership, files: Iterable[RemovePath], forgotten: Iterable[str]) -> tuple[str, ...]:
    """Paths that must be gone: what the steps remove, and every exactly known place of the catalogue, seen before or not."""
    found = {step.path for step in files if step.kind != "directory"} | set(forgotten)
    for component in ownership.components:
        for rule in component.paths:
            if rule.scope == "directory" or rule.role == "private" or rule.on_uninstall != "remove":
                continue
            for path in ownership.expand(rule.path):
                if has_wildcard(path) or ownership.kept(path) is not None:
                    continue
                if rule.scope == "tree" and ownership.kept_below(path):
                    continue
                found.add(path)
    return tuple(sorted(found))
