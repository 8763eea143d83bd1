"""Which steps put components in place: payloads, vetted effects of the vendors' scripts, receipts, services."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from atsam_safe.catalogue.effects import effect_applies, is_for_os
from atsam_safe.catalogue.patterns import canonical, is_below, parents
from atsam_safe.guard.candidate import is_brought
from atsam_safe.plan.model import (
    ApplyEffect,
    InstallPayload,
    RestoreConfig,
    RunInstaller,
    ScopeKind,
    StartService,
    Step,
    StopProcess,
    StopService,
    WriteReceipt,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from atsam_safe.catalogue.model import Catalogue, Component, EffectRule
    from atsam_safe.guard.candidate import Part
    from atsam_safe.packages.model import ComponentPackage, Inspection, PayloadEntry
    from atsam_safe.plan.ownership import Ownership

_RECEIPTS = "/private/var/db/receipts"
_HISTORY = "/Library/Receipts/InstallHistory.plist"


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """The installation phase. ``touched``: every path it may write, with the kind under which the snapshot must know it.

    ``folders``: every folder it makes, or puts something into.
    """

    steps: tuple[Step, ...]
    touched: tuple[tuple[str, ScopeKind], ...]
    folders: tuple[str, ...]
    needs_live: tuple[str, ...]
    bytes_to_write: int


class _Phase:
    """The installation as it is being put together."""

    def __init__(self, ownership: Ownership, inspections: Sequence[Inspection], preserved: tuple[str, ...]) -> None:
        self.ownership = ownership
        self.inspections = inspections
        self.preserved = frozenset(preserved)
        self.steps: list[Step] = []
        self.touched: dict[str, ScopeKind] = {}
        self.placed: dict[str, str] = {}
        self.folders: set[str] = set()
        self.bytes = 0

    def content(self, part: Part) -> ComponentPackage:
        """The inspected component package of a part."""
        return self.inspections[part.package].components[part.part]

    def place(self, path: str, kind: str) -> None:
        """Remember that a step puts something at ``path``: it goes through the folders above it, and makes those that are missing."""
        self.placed[path] = kind
        self.folders.update(parents(path))
        if kind == "directory":
            self.folders.add(path)

    def touch(self, path: str, kind: ScopeKind) -> None:
        """Remember that ``path`` may be written; a tree outweighs a file, and a file that may be a folder is a tree."""
        present = self.touched.get(path)
        if present is None or kind == "tree":
            self.touched[path] = kind
        elif present not in {kind, "tree"}:
            self.touched[path] = "tree"


def plan_installation(
    ownership: Ownership, inspections: Sequence[Inspection], parts: Sequence[Part], preserved: tuple[str, ...]
) -> Installation:
    """Steps for every part, component by component, in the order given."""
    phase = _Phase(ownership, inspections, preserved)
    catalogue = ownership.catalogue
    unique = list({part.identifier: part for part in reversed(parts)}.values())[::-1]
    live = ownership.live
    if live:
        for package in dict.fromkeys(part.package for part in unique):
            phase.steps.append(
                RunInstaller(
                    package=package,
                    title=_title(inspections[package], None),
                    receipts=_expected(inspections[package], catalogue),
                )
            )
            _carried(phase, inspections[package], catalogue)
    for identifier in dict.fromkeys(part.component for part in unique):
        component = catalogue.component(identifier)
        if component is None:
            continue
        own = [part for part in unique if part.component == identifier]
        for part in own:
            _payload(phase, component, part, write=not live)
        _effects(phase, component, own[0].version, write=not live)
        for part in own:
            _receipt(phase, component, part, write=not live)
    starts = _starts(phase, catalogue, unique)
    if live:
        phase.steps += _configs_back(phase, catalogue, unique, starts)
    phase.steps += starts
    notes = () if live else _live_notes(catalogue, unique, ownership.facts.os.version)
    return Installation(
        steps=tuple(phase.steps),
        touched=tuple(sorted(phase.touched.items())),
        folders=tuple(sorted(phase.folders)),
        needs_live=notes,
        bytes_to_write=phase.bytes,
    )


def _configs_back(phase: _Phase, catalogue: Catalogue, parts: Sequence[Part], starts: Sequence[StartService]) -> list[Step]:
    """The kept configuration, written while what the package itself started is stopped: it could write its own settings over it.

    Field incident 090. ``starts`` bring the jobs back at the end, last started first stopped; what a job starts comes back with it.
    """
    configs = restored_configs(phase.ownership)
    if not configs:
        return []
    stops = [StopService(component=job.component, label=job.label, path=job.path, domain=job.domain) for job in reversed(starts)]
    programs = [
        StopProcess(component=component.id, path=path)
        for identifier in dict.fromkeys(part.component for part in parts)
        if (component := catalogue.component(identifier)) is not None
        for rule in component.processes
        if rule.action == "stop"
        for path in phase.ownership.expand(rule.path)
    ]
    return [*stops, *programs, *configs]


def restored_configs(ownership: Ownership) -> list[RestoreConfig]:
    """Preserved configuration, put back whatever the guests did: the genuine GALSS preinstall deletes one of the pair when it is alone."""
    seen = {canonical(config.path): config.sha256 for config in ownership.facts.configs if config.sha256}
    return [RestoreConfig(path=path, sha256=seen[path]) for path in ownership.preserved() if path in seen]


def _title(inspection: Inspection, component: Component | None) -> str:
    title = inspection.product.title if inspection.product is not None else ""
    return title or (component.name if component is not None else "")


def _expected(inspection: Inspection, catalogue: Catalogue) -> tuple[tuple[str, str], ...]:
    """The receipts that must be there once the system's installer has ended: not those of parts it leaves out, or may leave out."""
    return tuple(
        (content.identifier, content.version)
        for content in inspection.components
        if content.selection == "installed" or is_brought(content, catalogue.component(content.component or ""))
    )


def _carried(phase: _Phase, inspection: Inspection, catalogue: Catalogue) -> None:
    """The system's own installer takes no orders from this program: what the other parts can bring is in the snapshot, too."""
    for content in inspection.components:
        if not is_brought(content, catalogue.component(content.component or "")):
            for entry in content.entries or ():
                phase.touch(canonical(entry.path), "directory" if entry.kind == "directory" else "file")
            _touch_receipt(phase, content.identifier)


def _payload(phase: _Phase, component: Component, part: Part, *, write: bool) -> None:
    content = phase.content(part)
    entries: tuple[PayloadEntry, ...] = content.entries or ()
    preserve: list[str] = []
    for entry in entries:
        path = canonical(entry.path)
        if path == "/":
            continue
        phase.place(path, entry.kind)
        if entry.kind != "directory" and path in phase.preserved:
            preserve.append(path)
        phase.touch(path, "directory" if entry.kind == "directory" else "file")
    size = sum(entry.size for entry in entries if entry.kind == "file") if entries else (content.payload.bytes if content.payload else 0)
    phase.bytes += size
    if not write:
        return
    phase.steps.append(
        InstallPayload(
            component=component.id,
            identifier=content.identifier,
            version=content.version,
            package=part.package,
            part=part.part,
            files=sum(entry.kind != "directory" for entry in entries),
            bytes=size,
            preserve=tuple(preserve),
        )
    )


def _effects(phase: _Phase, component: Component, version: str, *, write: bool) -> None:
    """The declarative effects of this release's scripts on this OS. None of them reaches a path that is not ours."""
    for effect in component.effects:
        if effect.kind == "preserve-config" or not effect_applies(effect, version, phase.ownership.facts.os.version):
            continue
        for path in phase.ownership.expand(effect.path):
            for step in _effect_steps(phase, component, effect, path):
                if write:
                    phase.steps.append(step)


def _effect_steps(phase: _Phase, component: Component, effect: EffectRule, path: str) -> Iterable[ApplyEffect]:
    below = [placed for placed in phase.placed if placed == path or is_below(placed, path)]
    if effect.kind == "mode":
        yield from _mode_steps(phase, component, effect, path, below)
        return
    if phase.ownership.is_private(path):
        return
    if effect.kind == "remove":
        if not below and path not in phase.ownership.known_paths:
            return
        if not below and phase.ownership.kept(path) is not None:
            return
        if phase.ownership.kept_below(path):
            return
        single = below == [path] and phase.placed[path] != "directory"
        phase.touch(path, "file" if single else "tree")
        for placed in below:
            phase.placed.pop(placed)
    elif effect.kind == "write-file":
        phase.touch(path, "file")
        phase.place(path, "file")
    else:
        phase.touch(path, "directory")
        phase.place(path, "directory")
    kind = effect.kind if effect.kind in {"remove", "write-file", "create-directory"} else "mode"
    yield ApplyEffect(component=component.id, kind=kind, path=path, mode=effect.mode, content=effect.content, owner=effect.owner)


def _mode_steps(phase: _Phase, component: Component, effect: EffectRule, path: str, below: list[str]) -> Iterable[ApplyEffect]:
    """A change of modes. A recursive one goes over a whole tree only when the tree is wholly ours; else over what was just placed."""
    if effect.recursive and below and _wholly_ours(phase, component, path):
        phase.touch(path, "tree")
        yield ApplyEffect(component=component.id, kind="mode", path=path, mode=effect.mode, recursive=True, owner=effect.owner)
        return
    targets = below if effect.recursive else [path]
    for target in sorted(targets):
        kind = phase.placed.get(target)
        if target in phase.preserved:
            # what is there stays in the place of what the package brings
            seen = phase.ownership.view.paths.get(target)
            kind = seen.kind if seen is not None else "file"
            if kind != "file":
                continue
        if kind is None or kind == "symlink":
            continue
        phase.touch(target, "directory" if kind == "directory" else "file")
        yield ApplyEffect(component=component.id, kind="mode", path=target, mode=effect.mode, owner=effect.owner)


def _wholly_ours(phase: _Phase, component: Component, path: str) -> bool:
    """True for a tree that only this component has, with nothing of anybody else's inside."""
    ours = any(rule.scope == "tree" and not rule.shared_with and path in phase.ownership.expand(rule.path) for rule in component.paths)
    return ours and phase.ownership.kept(path) is None and not phase.ownership.kept_below(path)


def _touch_receipt(phase: _Phase, identifier: str) -> None:
    for path in (f"{_RECEIPTS}/{identifier}.plist", f"{_RECEIPTS}/{identifier}.bom", _HISTORY):
        phase.touch(path, "file")
        phase.folders.update(parents(path))


def _receipt(phase: _Phase, component: Component, part: Part, *, write: bool) -> None:
    """The receipt as macOS writes it: property list, bill of materials, one line of history."""
    content = phase.content(part)
    _touch_receipt(phase, content.identifier)
    if not write:
        return
    title = _title(phase.inspections[part.package], component)
    phase.steps.append(
        WriteReceipt(
            component=component.id,
            identifier=content.identifier,
            version=content.version,
            package=part.package,
            part=part.part,
            title=title,
        )
    )


def _starts(phase: _Phase, catalogue: Catalogue, parts: Sequence[Part]) -> list[StartService]:
    """Jobs whose files were just put in place, last stopped first started."""
    found: list[tuple[int, str, StartService]] = []
    for identifier in dict.fromkeys(part.component for part in parts):
        component = catalogue.component(identifier)
        for rule in component.services if component is not None else ():
            if rule.legacy or rule.match != "exact" or rule.path is None or canonical(rule.path) not in phase.placed:
                continue
            found.append(
                (-rule.order, rule.label, StartService(component=identifier, label=rule.label, path=rule.path, domain=rule.domain))
            )
    found.sort(key=lambda entry: entry[:2])
    return [step for _order, _label, step in found]


def _live_notes(catalogue: Catalogue, parts: Sequence[Part], os_version: str | None) -> tuple[str, ...]:
    """What only a running macOS could do for the installed components under this release: told, never pretended."""
    found: list[str] = []
    for identifier in dict.fromkeys(part.component for part in parts):
        component = catalogue.component(identifier)
        notes = component.live_only if component is not None else ()
        found += [note.id for note in notes if is_for_os(note.from_os, note.below_os, os_version)]
    return tuple(found)
