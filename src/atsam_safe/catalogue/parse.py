"""From the bytes of the manifests to a ``Catalogue``: pure, strict, and exact about where a mistake is.

Nothing is skipped: an unknown key, a wrong type, an impossible value, an id used twice, a reference to something that is not
there — each refuses the whole catalogue with file and line. A half-understood catalogue would make confident wrong decisions.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from atsam_safe.catalogue.errors import CatalogueError, Flaw, shown
from atsam_safe.catalogue.model import (
    Anchor,
    Bundle,
    CardGeneration,
    CardRule,
    Catalogue,
    Component,
    DeniedSigner,
    Dependent,
    MiddlewareRule,
    OsRelease,
    Source,
    Symptom,
    Trust,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

MAXIMUM_FILES: Final = 64
MAXIMUM_FILE_BYTES: Final = 1 << 20
COMPONENT_FOLDER: Final = "components"
_COMPONENT_NAME: Final = re.compile(rf"{COMPONENT_FOLDER}/([a-z0-9]+(?:-[a-z0-9]+)*)\.toml", re.ASCII)
_Shape = TypeVar("_Shape", bound=msgspec.Struct)


class _SourcesFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    source: tuple[Source, ...]


class _TrustFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    anchor: tuple[Anchor, ...]
    denied: tuple[DeniedSigner, ...] = ()


class _OsFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    os: tuple[OsRelease, ...]


class _BundlesFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    bundle: tuple[Bundle, ...]


class _DependentsFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    dependent: tuple[Dependent, ...]


class _CardsFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    card: tuple[CardRule, ...]
    generation: tuple[CardGeneration, ...] = ()
    middleware: tuple[MiddlewareRule, ...] = ()


class _SymptomsFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    symptom: tuple[Symptom, ...]


_FILES: Final[dict[str, type[msgspec.Struct]]] = {
    "sources.toml": _SourcesFile,
    "trust.toml": _TrustFile,
    "os.toml": _OsFile,
    "bundles.toml": _BundlesFile,
    "dependents.toml": _DependentsFile,
    "cards.toml": _CardsFile,
    "symptoms.toml": _SymptomsFile,
}
_REQUIRED: Final = ("sources.toml", "trust.toml", "os.toml", "bundles.toml")


def content_digest(files: Mapping[str, bytes]) -> str:
    """SHA-256 (hex) over sorted names and contents; the length of each part is included so that no two catalogues collide by shifting."""
    total = hashlib.sha256()
    for name in sorted(files):
        encoded = name.encode()
        total.update(f"{len(encoded)}:{len(files[name])}:".encode())
        total.update(encoded)
        total.update(files[name])
    return total.hexdigest()


def parse_catalogue(files: Mapping[str, bytes], origin: str, *, compiled: Mapping[str, str] | None = None) -> Catalogue:
    """Build the catalogue from ``files`` (name below the manifests folder → content).

    ``origin`` is ``embedded`` or the folder. ``compiled`` maps the SHA-256 of a file's content to the same content as JSON
    text: ``tomllib`` is slow, and a JSON twin found by content can never be stale. Raises ``CatalogueError``.
    """
    _check_names(files)
    decoded: dict[str, msgspec.Struct] = {}
    flaws: list[Flaw] = []
    for name in sorted(files):
        try:
            decoded[name] = _decode(name, files[name], compiled or {})
        except CatalogueError as error:
            flaws.extend(error.flaws)
    if flaws:
        raise CatalogueError(flaws)
    catalogue = _assemble(decoded, origin=origin, digest=content_digest(files))
    digests = {hashlib.sha256(content).hexdigest() for content in files.values()}
    if compiled is None or digests != set(compiled):
        # A catalogue that is the compiled one, file by file, was checked when it was compiled.
        _check(files, catalogue)
    return catalogue


def _check(files: Mapping[str, bytes], catalogue: Catalogue) -> None:
    from atsam_safe.catalogue import check, text  # noqa: PLC0415 - not needed for a catalogue that was checked before

    found = check.check_catalogue(catalogue, component_file=lambda identifier: f"{COMPONENT_FOLDER}/{identifier}.toml")
    if found:
        raise CatalogueError([text.located(files, item) for item in found])


def _check_names(files: Mapping[str, bytes]) -> None:
    flaws: list[Flaw] = []
    if len(files) > MAXIMUM_FILES:
        raise CatalogueError([Flaw(file=min(files), line=1, kind="too-large", params={"limit": f"{MAXIMUM_FILES}"})])
    flaws.extend(
        Flaw(file=shown(name), line=1, kind="unknown-file", params={"file": shown(name)})
        for name in sorted(files)
        if name not in _FILES and _COMPONENT_NAME.fullmatch(name) is None
    )
    flaws.extend(Flaw(file=name, line=1, kind="missing-file", params={"file": name}) for name in _REQUIRED if name not in files)
    if flaws:
        raise CatalogueError(flaws)


def _decode(name: str, content: bytes, compiled: Mapping[str, str]) -> msgspec.Struct:
    if len(content) > MAXIMUM_FILE_BYTES:
        raise CatalogueError([Flaw(file=name, line=1, kind="too-large", params={"limit": f"{MAXIMUM_FILE_BYTES}"})])
    shape = _FILES.get(name, Component)
    ready = compiled.get(hashlib.sha256(content).hexdigest()) if compiled else None
    if ready is not None:
        try:
            return _named(name, msgspec.json.decode(ready, type=shape))
        except (msgspec.MsgspecError, UnicodeError):
            # A damaged twin must never hide the real text; the slow way below answers, and names the line if there is one.
            pass
    # Only here is tomllib needed, with the scanner for lines: a start from the compiled form does not pay for either.
    from atsam_safe.catalogue import text  # noqa: PLC0415 - see above

    return _named(name, text.decode(name, content, shape))


def _named(name: str, value: msgspec.Struct) -> msgspec.Struct:
    """A component's id is its file name: otherwise two files could describe one component, and errors would name the wrong one."""
    if isinstance(value, Component) and name != f"{COMPONENT_FOLDER}/{value.id}.toml":
        raise CatalogueError([Flaw(file=name, line=1, kind="wrong-value", params={"key": "id", "value": shown(value.id)})])
    return value


def _one(decoded: Mapping[str, msgspec.Struct], shape: type[_Shape], default: _Shape | None = None) -> _Shape:
    for value in decoded.values():
        if isinstance(value, shape):
            return value
    if default is None:
        raise LookupError(shape.__name__)
    return default


def _assemble(decoded: Mapping[str, msgspec.Struct], *, origin: str, digest: str) -> Catalogue:
    components = tuple(value for value in decoded.values() if isinstance(value, Component))
    trust = _one(decoded, _TrustFile)
    cards = _one(decoded, _CardsFile, _CardsFile(()))
    return Catalogue(
        origin=origin,
        digest=digest,
        # The core unit first, then by id: the order people know and the order reports use.
        components=tuple(sorted(components, key=lambda component: (not component.core, component.id))),
        bundles=_one(decoded, _BundlesFile).bundle,
        dependents=_one(decoded, _DependentsFile, _DependentsFile(())).dependent,
        os_releases=_one(decoded, _OsFile).os,
        trust=Trust(anchors=trust.anchor, denied=trust.denied),
        cards=cards.card,
        card_generations=cards.generation,
        middlewares=cards.middleware,
        sources=_one(decoded, _SourcesFile).source,
        symptoms=_one(decoded, _SymptomsFile, _SymptomsFile(())).symptom,
    )
