"""``manifests list|show|check``: the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from atsam_safe.catalogue.load import embedded_folder, load_catalogue, read_manifests
from atsam_safe.catalogue.model import Bundle
from atsam_safe.catalogue.names import bundle_text, component_text
from atsam_safe.cli.world import catalogue_of, existing
from atsam_safe.report.result import OK, CommandResult, origin_of
from atsam_safe.words.model import Problem, UsageError

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.cli.session import Session


def run(session: Session, *, action: str, entry: str = "", folder: str | None = None) -> CommandResult:
    """List, show one entry, or check a folder; an invalid catalogue ends 2 with file and line."""
    if action == "check" and folder is not None:
        place = existing(folder).absolute()
        catalogue = load_catalogue(place)
        return _checked(catalogue, len(read_manifests(place)))
    catalogue = catalogue_of(session)
    if action == "check":
        place = embedded_folder() if catalogue.embedded else Path(catalogue.origin)
        return _checked(catalogue, len(read_manifests(place)))
    if action == "show":
        kind, value = _entry(catalogue, entry)
        data: dict[str, Any] = {"kind": kind, "entry": msgspec.to_builtins(value), "names": _names(catalogue, value)}
    else:
        data = {
            "origin": catalogue.origin,
            "digest": catalogue.digest,
            "bundles": [_bundle(catalogue, bundle) for bundle in catalogue.bundles],
            "components": [component.id for component in catalogue.components],
            "dependents": [dependent.id for dependent in catalogue.dependents],
            "os_releases": msgspec.to_builtins(catalogue.os_releases),
        }
    return CommandResult(command=f"manifests {action}", exit_code=OK, data=data, catalogue=origin_of(catalogue))


def _names(catalogue: Catalogue, entry: msgspec.Struct) -> list[dict[str, str]]:
    """How people call the entry and what it refers to by id."""
    told = {entry.id: bundle_text(catalogue, entry)} if isinstance(entry, Bundle) else {}
    referred = [member.component for member in entry.members] if isinstance(entry, Bundle) else getattr(entry, "uses", ())
    told |= {identifier: component_text(catalogue, identifier) for identifier in referred}
    return [{"id": identifier, "name": name} for identifier, name in told.items()]


def _bundle(catalogue: Catalogue, bundle: Bundle) -> dict[str, Any]:
    """One set, with the names by which people know it and its components."""
    value: dict[str, Any] = msgspec.to_builtins(bundle)
    value["name"] = bundle_text(catalogue, bundle)
    for member in value["members"]:
        member["name"] = component_text(catalogue, member["component"])
    return value


def _checked(catalogue: Catalogue, files: int) -> CommandResult:
    data = {"check": {"origin": catalogue.origin, "digest": catalogue.digest, "files": files}}
    return CommandResult(command="manifests check", exit_code=OK, data=data, catalogue=origin_of(catalogue))


def _entry(catalogue: Catalogue, identifier: str) -> tuple[str, msgspec.Struct]:
    """The entry with this id; raises ``UsageError`` (``usage.unknown-entry``)."""
    for kind, entries in (("bundle", catalogue.bundles), ("component", catalogue.components), ("dependent", catalogue.dependents)):
        for value in entries:
            if value.id == identifier:
                return kind, value
    for release in catalogue.os_releases:
        if identifier in {release.version, f"{release.family}-{release.version}", release.name}:
            return "os", release
    raise UsageError(Problem(ref="usage.unknown-entry", params={"entry": identifier}))
