"""What a flat package declares: PackageInfo, Distribution and scripts. Scripts are named and hashed, JavaScript is only named."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.packages.choices import plain, referenced_folder, selections
from atsam_safe.packages.errors import damaged, printable, too_large
from atsam_safe.packages.model import BundleFact, PartSelection, ProductFact, ScriptFact
from atsam_safe.packages.payload import CpioReader, decompress
from atsam_safe.packages.streams import Allowance
from atsam_safe.packages.strictxml import parse_xml

if TYPE_CHECKING:
    from atsam_safe.packages.limits import Limits
    from atsam_safe.packages.strictxml import Node
    from atsam_safe.packages.xar import XarArchive

_PACKAGE_INFO: Final = "PackageInfo"
_LONGEST_IDENTITY: Final = 255
_CONCLUSIONS: Final = {"requirelogout": "logout", "requirerestart": "restart", "requireshutdown": "shutdown"}
_ACTIONS: Final = frozenset({"none", "logout", "restart", "shutdown"})
_SELECTING: Final = ("start_selected", "selected")
_SHOWING: Final = ("start_enabled", "enabled", "start_visible", "visible")
_KILOBYTES: Final = re.compile(r"[0-9]{1,18}\Z", re.ASCII)
_RELEASE: Final = re.compile(r"[0-9]+(?:\.[0-9]+)*\Z", re.ASCII)


class PackageInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A component's own declaration.

    ``folder`` is ``""`` or ends with ``/``; ``has_payload`` says whether it brings files, ``announced`` how many bytes of them.
    """

    folder: str
    identifier: str
    version: str
    install_location: str
    restart_action: str
    bundles: tuple[BundleFact, ...]
    has_payload: bool
    has_scripts: bool
    minimum_os: str | None = None
    announced: int = 0


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """A product's declaration: facts for people, the component folders it refers to, and what to do at the end per identifier.

    ``selections``: what its choices make of each of these folders.
    """

    fact: ProductFact
    folders: tuple[str, ...]
    selections: dict[str, PartSelection]
    restart_actions: dict[str, str]


def read_package_infos(archive: XarArchive, limits: Limits) -> tuple[PackageInfo, ...]:
    """Every component of the archive, at its root or one folder below, in the archive's order; raises ``PackageError``."""
    found = []
    size = 0
    for path, entry in archive.entries.items():
        folder, _, name = path.rpartition("/")
        if name == _PACKAGE_INFO and "/" not in folder and entry.kind == "file":
            size += entry.size
            if size > limits.metadata:
                raise too_large(path, limits.metadata)
            found.append(_package_info(archive, f"{folder}/" if folder else "", limits))
    return tuple(found)


def _package_info(archive: XarArchive, folder: str, limits: Limits) -> PackageInfo:
    place = folder + _PACKAGE_INFO
    root = parse_xml(archive.read(place, limits.metadata), place=place, limits=limits)
    if root.tag != "pkg-info":
        raise damaged(place, "root-element")
    action = root.attributes.get("postinstall-action", "none")
    minimum = root.attributes.get("minimumSystemVersion", "").strip()
    return PackageInfo(
        folder=folder,
        identifier=_identity(root, "identifier"),
        version=_identity(root, "version"),
        install_location=printable(root.attributes.get("install-location", "/") or "/"),
        restart_action=action if action in _ACTIONS else "none",
        bundles=tuple(_bundle(node) for node in root.walk() if node.tag == "bundle" and "path" in node.attributes),
        has_payload=f"{folder}Payload" in archive.entries,
        has_scripts=f"{folder}Scripts" in archive.entries,
        minimum_os=minimum if _RELEASE.match(minimum) else None,
        announced=_announced(root),
    )


def _announced(root: Node) -> int:
    """Bytes of the files it brings; what is no plain number announces nothing, and counts for nothing."""
    told = [node.attributes.get("installKBytes", "").strip() for node in root.all("payload")]
    return sum(int(text) for text in told if _KILOBYTES.match(text)) * 1024


def _identity(root: Node, attribute: str) -> str:
    value = root.attributes.get(attribute, "").strip()
    if not value or len(value) > _LONGEST_IDENTITY or not value.isprintable() or "/" in value:
        raise damaged(root.place, f"missing-{attribute}" if not value else f"attribute-{attribute}")
    return value


def _bundle(node: Node) -> BundleFact:
    attributes = node.attributes
    version = attributes.get("CFBundleShortVersionString") or attributes.get("CFBundleVersion")
    identifier = attributes.get("id") or attributes.get("CFBundleIdentifier")
    return BundleFact(
        path=printable(attributes["path"]),
        identifier=None if identifier is None else printable(identifier),
        version=None if version is None else printable(version),
    )


def read_distribution(archive: XarArchive, limits: Limits) -> Distribution | None:
    """The product's declaration, or ``None`` for a bare component package; raises ``PackageError``."""
    place = "Distribution"
    entry = archive.entries.get(place)
    if entry is None or entry.kind != "file":
        return None
    root = parse_xml(archive.read(place, limits.metadata), place=place, limits=limits)
    if root.tag not in ("installer-gui-script", "installer-script"):
        raise damaged(place, "root-element")
    nodes = root.walk()
    options = [node for node in nodes if node.tag == "options"]
    architectures = [name for node in options for name in node.attributes.get("hostArchitectures", "").split(",")]
    root_only = any(node.attributes.get("rootVolumeOnly", "").lower() in ("true", "yes", "1") for node in [*options, root])
    titles = [node.text.strip() for node in root.all("title")]
    fact = ProductFact(
        title=printable(titles[0]) if titles else "",
        host_architectures=tuple(dict.fromkeys(printable(name.strip()) for name in architectures if name.strip())),
        root_volume_only=root_only,
        minimum_os=_minimum_os(nodes),
        unknown_checks=_script_checks(nodes),
    )
    return Distribution(fact=fact, folders=_folders(nodes), selections=selections(root), restart_actions=_restart_actions(nodes))


def _minimum_os(nodes: list[Node]) -> str | None:
    """The lowest release that any allowed range starts with."""
    minima = [
        node.attributes["min"].strip()
        for parent in nodes
        if parent.tag == "allowed-os-versions"
        for node in parent.all("os-version")
        if _RELEASE.match(node.attributes.get("min", "").strip())
    ]
    return min(minima, key=lambda text: [int(part[:9]) for part in text.split(".")], default=None)


def _script_checks(nodes: list[Node]) -> tuple[str, ...]:
    """JavaScript that decides about the installation. It is never run, so what it would have said is unknown."""
    found = []
    for node in nodes:
        if node.tag in ("volume-check", "installation-check") and node.attributes.get("script"):
            found.append(f"{node.tag}: {printable(node.attributes['script'])}")
        elif node.tag == "choice":
            found += [
                f"choice {name}: {printable(value)}"
                for name, value in sorted(node.attributes.items())
                if (name in _SELECTING and plain(value) == "undecided") or (name in _SHOWING and "(" in value)
            ]
        elif node.tag == "pkg-ref" and plain(node.attributes.get("active")) == "undecided":
            found.append(f"pkg-ref active: {printable(node.attributes['active'])}")
    return tuple(dict.fromkeys(found))


def _folders(nodes: list[Node]) -> tuple[str, ...]:
    """Component folders the product refers to."""
    return tuple(dict.fromkeys(folder for node in nodes if (folder := referenced_folder(node)) is not None))


def _restart_actions(nodes: list[Node]) -> dict[str, str]:
    actions: dict[str, str] = {}
    for node in nodes:
        if node.tag == "pkg-ref" and "id" in node.attributes:
            action = _CONCLUSIONS.get(node.attributes.get("onConclusion", "").lower())
            if action is not None:
                actions[node.attributes["id"]] = action
    return actions


def read_scripts(archive: XarArchive, folder: str, limits: Limits, within: Allowance) -> tuple[ScriptFact, ...]:
    """Name and SHA-256 of every file in the component's Scripts archive; raises ``PackageError``."""
    place = f"{folder}Scripts"
    entry = archive.entries[place]
    if entry.kind == "directory":
        inside = [path for path, member in archive.entries.items() if path.startswith(f"{place}/") and member.kind == "file"]
        return tuple(
            ScriptFact(
                name=printable(path.removeprefix(f"{place}/")), sha256=hashlib.sha256(archive.read(path, limits.scripts)).hexdigest()
            )
            for path in inside
        )
    allowance = Allowance(min(limits.scripts, limits.unpacked(entry.length)), within)
    _, source = decompress(archive.chunks(entry), place=place, allowance=allowance, limits=limits)
    facts = []
    cpio = CpioReader(source, most=limits.archive_members)
    for member in cpio:
        if member.kind == "file":
            digest = hashlib.sha256()
            for piece in cpio.pieces():
                digest.update(piece)
            name = member.name.decode("utf-8", "backslashreplace").removeprefix("./")
            facts.append(ScriptFact(name=printable(name), sha256=digest.hexdigest()))
    return tuple(facts)
