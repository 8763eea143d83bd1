"""What types cannot say about a catalogue: ids used once, references that lead somewhere, values that can be read.

Pure: gives every flaw with its place inside its file; ``catalogue.parse`` turns places into lines.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.catalogue.model import Component, Statement
from atsam_safe.versions import WINDOWS_CLIENT_FAMILIES, WINDOWS_SERVER_FAMILIES, AtsamBuild, ComponentVersion, MacosRelease, VersionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from atsam_safe.catalogue.lines import Place
    from atsam_safe.catalogue.model import Anchor, Bundle, Catalogue, Dependent, OsRange, PathRule, Release, Symptom

_IDENTIFIER: Final = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*", re.ASCII)
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})+", re.ASCII)
_MODE: Final = re.compile(r"[0-7]{3,4}", re.ASCII)
_PATTERN: Final = re.compile(r"(?:[0-9A-Fx]{2})+", re.ASCII)
_SHA256: Final = 64
_SHA1: Final = 40
_FINGERPRINT_LENGTH: Final = {"sha1": _SHA1, "sha256": _SHA256, "leaf_sha256": _SHA256}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A flaw by place; ``kind`` and ``params`` as in ``errors.Flaw``."""

    file: str
    place: tuple[str | int, ...]
    kind: str
    params: dict[str, str] = {}


def check_catalogue(catalogue: Catalogue, *, component_file: Callable[[str], str]) -> list[Found]:
    """Every semantic flaw of ``catalogue``. ``component_file`` gives the file name of a component id."""
    known = _Known(catalogue)
    found: list[Found] = []
    for component in catalogue.components:
        found.extend(_component(component, known, component_file(component.id)))
    found.extend(_lists(catalogue, known))
    found.extend(_bundles(catalogue, known))
    found.extend(_anchors(catalogue))
    return found


class _Known:
    """The names other statements may refer to."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.tags = {source.tag for source in catalogue.sources}
        self.components = {component.id: component for component in catalogue.components}
        self.owners = set(self.components) | {dependent.id for dependent in catalogue.dependents}
        self.os = {(release.family, release.version) for release in catalogue.os_releases}


def _wrong(file: str, place: Place, value: str) -> Found:
    keys = [str(step) for step in place if isinstance(step, str)]
    return Found(file=file, place=place, kind="wrong-value", params={"key": ".".join(keys), "value": value[:80]})


def _dangling(file: str, place: Place, value: str) -> Found:
    return Found(file=file, place=place, kind="dangling", params={"value": value[:80]})


def _sources(file: str, place: Place, statement: Statement, known: _Known) -> Iterator[Found]:
    """``source`` is one or more of « TAG place », separated by semicolons; each tag must be in sources.toml."""
    for piece in statement.source.split(";"):
        tag = piece.split(maxsplit=1)[0] if piece.strip() else ""
        if tag not in known.tags:
            yield _dangling(file, (*place, "source"), tag)


def _unique(file: str, key: str, name: str, values: list[str]) -> Iterator[Found]:
    seen: set[str] = set()
    for index, value in enumerate(values):
        if value in seen:
            yield Found(file=file, place=(key, index, name), kind="duplicate-id", params={"value": value[:80]})
        seen.add(value)


def _statements(struct: msgspec.Struct, place: Place = ()) -> Iterator[tuple[Place, Statement]]:
    """Every statement inside ``struct`` with its place, the struct itself included."""
    if isinstance(struct, Statement):
        yield place, struct
    for field in struct.__struct_fields__:
        value = getattr(struct, field)
        if isinstance(value, msgspec.Struct):
            yield from _statements(value, (*place, field))
        elif isinstance(value, tuple) and value and isinstance(value[0], msgspec.Struct):
            for index, element in enumerate(value):
                yield from _statements(element, (*place, field, index))


def _common(file: str, place: Place, statement: Statement, known: _Known) -> Iterator[Found]:
    yield from _sources(file, place, statement, known)
    for field, length in _FINGERPRINT_LENGTH.items():
        value = getattr(statement, field, None)
        if isinstance(value, str) and (len(value) != length or _HEX.fullmatch(value) is None):
            yield _wrong(file, (*place, field), value)
    mode = getattr(statement, "mode", None)
    if isinstance(mode, str) and _MODE.fullmatch(mode) is None:
        yield _wrong(file, (*place, "mode"), mode)
    for index, owner in enumerate(getattr(statement, "shared_with", ())):
        if owner not in known.owners:
            yield _dangling(file, (*place, "shared_with", index), owner)


def _component(component: Component, known: _Known, file: str) -> Iterator[Found]:
    if _IDENTIFIER.fullmatch(component.id) is None:
        yield _wrong(file, ("id",), component.id)
    for place, statement in _statements(component):
        yield from _common(file, place, statement, known)
    for index, path in enumerate(component.paths):
        yield from _path(file, ("paths", index), path)
    for index, release in enumerate(component.releases):
        yield from _release(file, ("releases", index), release)
    yield from _unique(file, "receipts", "id", [receipt.id for receipt in component.receipts])
    yield from _unique(file, "paths", "path", [path.path for path in component.paths])
    yield from _unique(file, "releases", "version", [f"{release.family} {release.version}" for release in component.releases])
    for key in ("processes", "configs", "uninstallers", "effects", "witnesses"):
        for index, rule in enumerate(getattr(component, key)):
            if rule.path is not None and not _is_macos_path(rule.path):
                yield _wrong(file, (key, index, "path"), rule.path)
            if key == "witnesses" and (rule.path is None) is not (rule.kind == "receipt"):
                # A witness without a place could never be heard, and verify would count one witness too few in silence.
                yield Found(file=file, place=(key, index), kind="missing-key", params={"key": "path"})


def _is_macos_path(path: str) -> bool:
    """Absolute or below every home, without steps that lead elsewhere."""
    if not path.startswith(("/", "~/")) or path in {"/", "~/"} or path.endswith("/"):
        return False
    segments = path.split("/")[1:]
    return all(segment not in {"", ".", ".."} and "\0" not in segment and segment != "**" for segment in segments)


def _path(file: str, place: Place, rule: PathRule) -> Iterator[Found]:
    if not _is_macos_path(rule.path):
        yield _wrong(file, (*place, "path"), rule.path)
    if rule.role == "private" and rule.on_uninstall != "keep":
        # Law 9: what may hold a patient's data is never removed by us, whoever writes the manifest.
        yield _wrong(file, (*place, "on_uninstall") if rule.on_uninstall != "remove" else place, rule.on_uninstall)


def _release(file: str, place: Place, release: Release) -> Iterator[Found]:
    try:
        ComponentVersion.parse(release.version)
    except VersionError:
        yield _wrong(file, (*place, "version"), release.version)
    for field, length in (("package_sha256", _SHA256), ("package_sha1", _SHA1)):
        for index, value in enumerate(getattr(release, field)):
            if len(value) != length or _HEX.fullmatch(value) is None:
                yield _wrong(file, (*place, field, index), value)
    if release.family != "macos":
        return
    for index, witness in enumerate(release.witnesses):
        here = (*place, "witnesses", index)
        if witness.kind == "receipt" or witness.path is None or not _is_macos_path(witness.path):
            yield Found(file=file, place=here, kind="missing-key", params={"key": "path"})
        if witness.value is None:
            yield Found(file=file, place=here, kind="missing-key", params={"key": "value"})
        elif witness.kind == "checksum" and (len(witness.value) != _SHA256 or _HEX.fullmatch(witness.value) is None):
            yield _wrong(file, (*here, "value"), witness.value)


# Field of the catalogue, file, key in the file, name that must be unique.
_LISTS: Final = (
    ("bundles", "bundles.toml", "bundle", "id"),
    ("dependents", "dependents.toml", "dependent", "id"),
    ("cards", "cards.toml", "card", "id"),
    ("card_generations", "cards.toml", "generation", "name"),
    ("middlewares", "cards.toml", "middleware", "id"),
    ("sources", "sources.toml", "source", "tag"),
    ("symptoms", "symptoms.toml", "symptom", "id"),
)


def _lists(catalogue: Catalogue, known: _Known) -> Iterator[Found]:
    for field, file, key, name in _LISTS:
        values = getattr(catalogue, field)
        yield from _unique(file, key, name, [getattr(value, name) for value in values])
        for index, value in enumerate(values):
            for place, statement in _statements(value, (key, index)):
                yield from _common(file, place, statement, known)
    yield from _unique("os.toml", "os", "version", [f"{release.family} {release.version}" for release in catalogue.os_releases])
    for index, release in enumerate(catalogue.os_releases):
        yield from _common("os.toml", ("os", index), release, known)
    for index, dependent in enumerate(catalogue.dependents):
        yield from _dependent(dependent, ("dependent", index), known)
    for index, card in enumerate(catalogue.cards):
        if _PATTERN.fullmatch(card.pattern) is None:
            yield _wrong("cards.toml", ("card", index, "pattern"), card.pattern)
    yield from _generations(catalogue, known)
    for index, middleware in enumerate(catalogue.middlewares):
        if middleware.component is not None and middleware.component not in known.components:
            yield _dangling("cards.toml", ("middleware", index, "component"), middleware.component)
    for index, symptom in enumerate(catalogue.symptoms):
        yield from _symptom(symptom, ("symptom", index), known)


def _generations(catalogue: Catalogue, known: _Known) -> Iterator[Found]:
    names = {card.generation for card in catalogue.cards}
    for index, generation in enumerate(catalogue.card_generations):
        place: Place = ("generation", index)
        if generation.name not in names:
            yield _dangling("cards.toml", (*place, "name"), generation.name)
        if generation.component not in known.components:
            yield _dangling("cards.toml", (*place, "component"), generation.component)
        try:
            ComponentVersion.parse(generation.minimum)
        except VersionError:
            yield _wrong("cards.toml", (*place, "minimum"), generation.minimum)


def _dependent(dependent: Dependent, place: Place, known: _Known) -> Iterator[Found]:
    for at, used in enumerate(dependent.uses):
        if used not in known.components:
            yield _dangling("dependents.toml", (*place, "uses", at), used)
    for at, used in enumerate(dependent.serial_only):
        if used not in dependent.uses:
            yield _dangling("dependents.toml", (*place, "serial_only", at), used)
    if "windows" in dependent.families:
        return
    for field in ("paths", "shares", "owns"):
        for at, path in enumerate(getattr(dependent, field)):
            if not _is_macos_path(path):
                yield _wrong("dependents.toml", (*place, field, at), path)


def _symptom(symptom: Symptom, place: Place, known: _Known) -> Iterator[Found]:
    if symptom.component is not None and symptom.component not in known.owners:
        yield _dangling("symptoms.toml", (*place, "component"), symptom.component)
    if symptom.code_last is not None and (symptom.code is None or symptom.code_last < symptom.code):
        yield _wrong("symptoms.toml", (*place, "code_last"), str(symptom.code_last))


def _bundles(catalogue: Catalogue, known: _Known) -> Iterator[Found]:
    for index, bundle in enumerate(catalogue.bundles):
        place: Place = ("bundle", index)
        if bundle.build is not None:
            try:
                AtsamBuild.parse(bundle.build)
            except VersionError:
                yield _wrong("bundles.toml", (*place, "build"), bundle.build)
        yield from _members(bundle, place, known)
        for at, system in enumerate(bundle.systems):
            yield from _range(bundle, system, (*place, "systems", at), known)


def _members(bundle: Bundle, place: Place, known: _Known) -> Iterator[Found]:
    file = "bundles.toml"
    yield from (
        Found(file=file, place=(*place, "members", at), kind="duplicate-id", params={"value": member.component})
        for at, member in enumerate(bundle.members)
        if member.component in {earlier.component for earlier in bundle.members[:at]}
    )
    for at, member in enumerate(bundle.members):
        here = (*place, "members", at)
        component = known.components.get(member.component)
        if component is None:
            yield _dangling(file, (*here, "component"), member.component)
            continue
        releases = {release.version for release in component.releases if release.family == bundle.family}
        for position, version in enumerate(member.versions):
            if version not in releases:
                yield _dangling(file, (*here, "versions", position), f"{member.component} {version}")
        if not member.versions:
            yield _wrong(file, (*here, "versions"), "[]")


def _range(bundle: Bundle, system: OsRange, place: Place, known: _Known) -> Iterator[Found]:
    file = "bundles.toml"
    for field, value in (("first", system.first), ("last", system.last)):
        if value is not None and (bundle.family, _family_of(bundle.family, value)) not in known.os:
            yield _dangling(file, (*place, field), value)
            return
    if not _runs_forwards(bundle.family, system.first, system.last):
        yield _wrong(file, (*place, "last"), system.last)


def _family_of(family: str, version: str) -> str:
    """The family of a macOS update (``26`` for ``26.6``): the manifests list families, a range may begin at one update."""
    if family != "macos":
        return version
    try:
        return MacosRelease.parse(version).family_text
    except VersionError:
        return version


def _runs_forwards(family: str, first: str | None, last: str) -> bool:
    """A range lies on one line of releases and does not end before it begins. Only macOS has a build for everything below a release."""
    if family == "macos":
        return first is None or MacosRelease.parse(first).in_range(None, last)
    for line in (WINDOWS_CLIENT_FAMILIES, WINDOWS_SERVER_FAMILIES):
        if first in line and last in line:
            return line.index(first) <= line.index(last)
    return False


def check_os_version(family: str, version: str) -> bool:
    """True when ``version`` can be an OS release family of the manifests."""
    if family == "windows":
        return version in WINDOWS_CLIENT_FAMILIES or version in WINDOWS_SERVER_FAMILIES
    try:
        return MacosRelease.parse(version).family_text == version
    except VersionError:
        return False


def _anchors(catalogue: Catalogue) -> Iterator[Found]:
    for index, release in enumerate(catalogue.os_releases):
        if not check_os_version(release.family, release.version):
            yield _wrong("os.toml", ("os", index, "version"), release.version)
    known = _Known(catalogue)
    anchors: tuple[Anchor, ...] = catalogue.trust.anchors
    for index, anchor in enumerate(anchors):
        place: Place = ("anchor", index)
        yield from _common("trust.toml", place, anchor, known)
        if anchor.public_key is not None and _HEX.fullmatch(anchor.public_key) is None:
            yield _wrong("trust.toml", (*place, "public_key"), anchor.public_key)
    for index, denied in enumerate(catalogue.trust.denied):
        yield from _common("trust.toml", ("denied", index), denied, known)
