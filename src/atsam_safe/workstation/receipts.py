"""What macOS remembers of installed packages: flat receipts (a property list and a bill of materials) and old bundle receipts.

Only receipts of the catalogue's components and dependents are opened; a Mac has several hundred others, which are nobody's
business here (``ownership`` looks at their bills of materials, before a change only).
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

import msgspec

from atsam_safe.catalogue.patterns import matches
from atsam_safe.facts.model import EntryKind, Receipt, ReceiptEntry
from atsam_safe.words.model import AtsamSafeError
from atsam_safe.workstation.plists import clean_text, read_dictionary, text_of
from atsam_safe.workstation.unreadable import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.workstation.lens import Lens

RECEIPTS: Final = "/private/var/db/receipts"
OLD_RECEIPTS: Final = "/Library/Receipts"
MAX_RECEIPT_BYTES: Final = 256 << 10
# About 150 000 paths; the components' own bills have some ten kilobytes.
MAX_BOM_BYTES: Final = 16 << 20
_OLD_SUFFIX: Final = ".pkg"
_KINDS: Final[dict[str, EntryKind]] = {"file": "file", "directory": "directory", "symlink": "symlink"}


class Names:
    """A set of names given exactly, by their beginning, or with ``*``. Regular expressions cost more than a whole observation."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """``patterns``: names, of which ``*`` stands for any characters."""
        given = tuple(patterns)
        self._exact = frozenset(name for name in given if "*" not in name)
        self._beginnings = tuple(name[:-1] for name in given if name.endswith("*") and name.count("*") == 1)
        self._others = tuple(name for name in given if "*" in name[:-1])

    def __contains__(self, name: str) -> bool:
        return name in self._exact or name.startswith(self._beginnings) or any(matches(pattern, name) for pattern in self._others)


class ReceiptFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which receipts belong to components (``flat``, ``bundle``) and which to dependents (``others``).

    ``core``: the flat receipts of the components that are removed and installed together.
    """

    core: Names
    flat: Names
    bundle: Names
    others: Names


def receipt_filter(catalogue: Catalogue) -> ReceiptFilter:
    """The catalogue's macOS receipts, sorted out once for one observation."""
    flat: list[str] = []
    bundle: list[str] = []
    core: list[str] = []
    for component in catalogue.components:
        for rule in component.receipts:
            pattern = _last_name(rule.id) + ("*" if rule.match == "prefix" else "")
            (bundle if rule.style == "bundle" else flat).append(pattern)
            if component.core and rule.style == "flat":
                core.append(pattern)
    others = [pattern for dependent in catalogue.dependents for pattern in dependent.receipts]
    return ReceiptFilter(core=Names(core), flat=Names(flat), bundle=Names(bundle), others=Names(others))


def read_receipts(lens: Lens, wanted: ReceiptFilter) -> tuple[Receipt, ...]:
    """Every receipt the catalogue knows of, readable or not, flat ones first, sorted by place."""
    found = []
    for identifier in flat_identifiers(lens):
        if identifier in wanted.flat:
            found.append(_read_flat(lens, identifier, with_entries=True))
        elif identifier in wanted.others:
            found.append(_read_flat(lens, identifier, with_entries=False))
    for name in lens.names(OLD_RECEIPTS):
        if name.endswith(_OLD_SUFFIX):
            component = name in wanted.bundle or name.removesuffix(_OLD_SUFFIX) in wanted.bundle
            if component or name in wanted.others:
                receipt = _read_old(lens, name, with_entries=component)
                if receipt is not None:
                    found.append(receipt)
    return tuple(found)


def flat_identifiers(lens: Lens) -> list[str]:
    """Identifiers of the flat receipts by their file names, sorted; half ones (only a plist, only a bom) too."""
    names = set()
    for name in lens.names(RECEIPTS):
        stem, dot, suffix = name.rpartition(".")
        if dot and stem and suffix in ("plist", "bom"):
            names.add(stem)
    return sorted(names)


def read_entries(lens: Lens, bom: str, prefix: str) -> tuple[ReceiptEntry, ...]:
    """The bill of materials at ``bom`` as absolute paths. Raises ``UnreadableError``."""
    from atsam_safe.packages.bom import read_bom  # noqa: PLC0415 - a workstation without our receipts does not pay for the reader

    data = lens.read(bom, MAX_BOM_BYTES)
    try:
        entries = read_bom(data)
    except AtsamSafeError as error:
        raise UnreadableError(f"bill of materials is not readable ({error.problems[0].ref})") from error
    found = []
    for entry in entries:
        path = joined(prefix, entry.path)
        if path is not None:
            found.append(
                ReceiptEntry(
                    path=clean_text(path),
                    kind=_KINDS.get(entry.kind, "other"),
                    mode=entry.mode & 0o7777,
                    size=entry.size,
                    checksum=entry.checksum if entry.kind == "file" else None,
                    link=clean_text(entry.link) if entry.link else None,
                ),
            )
    return tuple(found)


def joined(prefix: str, relative: str) -> str | None:
    """``/prefix/relative`` without ``.``; ``None`` for the root itself and for anything that climbs (``..``)."""
    parts = [part for part in (*prefix.split("/"), *relative.split("/")) if part not in ("", ".")]
    if not parts or ".." in parts or "\0" in relative:
        return None
    return "/" + "/".join(parts)


def _read_flat(lens: Lens, identifier: str, *, with_entries: bool) -> Receipt:
    store = f"{RECEIPTS}/{identifier}.plist"
    bom = f"{RECEIPTS}/{identifier}.bom"
    problems = []
    values: dict[str, Any] = {}
    if lens.entry(store) is None:
        problems.append("property list missing")
    else:
        try:
            values = read_dictionary(lens.read(store, MAX_RECEIPT_BYTES))
        except UnreadableError as error:
            problems.append(f"property list: {error}")
        else:
            if text_of(values, "PackageIdentifier") != identifier:
                problems.append("identifier in the property list differs from its file name")
            if text_of(values, "PackageVersion") is None:
                problems.append("property list has no version")
    prefix = "/" + (text_of(values, "InstallPrefixPath") or "").strip("/")
    entries = None
    has_bom = lens.entry(bom) is not None
    if not has_bom and with_entries:  # many genuine receipts of others have none: nothing is asked of those
        problems.append("bill of materials missing")
    elif with_entries:
        try:
            entries = read_entries(lens, bom, prefix)
        except UnreadableError as error:
            problems.append(str(error))
    return Receipt(
        identifier=clean_text(identifier),
        version=text_of(values, "PackageVersion"),
        installed_at=_date_of(values, "InstallDate"),
        prefix=prefix,
        package_file=text_of(values, "PackageFileName"),
        store=clean_text(store),
        bom=clean_text(bom) if has_bom else None,
        entries=entries,
        problem="; ".join(problems) or None,
    )


def _read_old(lens: Lens, name: str, *, with_entries: bool) -> Receipt | None:
    """An old receipt: a folder ``NAME.pkg`` with ``Contents/Info.plist`` and ``Contents/Archive.bom``.

    Its identifier is the folder's name, by which the catalogue and the vendors' scripts know it (the list inside is optional).
    """
    store = f"{OLD_RECEIPTS}/{name}"
    entry = lens.entry(store)
    if entry is None or entry.kind != "directory":
        return None
    problems = []
    values: dict[str, Any] = {}
    try:
        values = read_dictionary(lens.read(f"{store}/Contents/Info.plist", MAX_RECEIPT_BYTES))
    except UnreadableError as error:
        problems.append(f"Info.plist: {error}")
    prefix = _old_prefix_of(values)
    bom = f"{store}/Contents/Archive.bom"
    has_bom = lens.entry(bom) is not None
    entries = None
    if has_bom and with_entries:
        try:
            entries = read_entries(lens, bom, prefix)
        except UnreadableError as error:
            problems.append(str(error))
    return Receipt(
        identifier=clean_text(name),
        version=text_of(values, "CFBundleShortVersionString") or text_of(values, "CFBundleVersion"),
        prefix=prefix,
        package_file=clean_text(name),
        store=clean_text(store),
        bom=clean_text(bom) if has_bom else None,
        entries=entries,
        problem="; ".join(problems) or None,
    )


def old_prefix(lens: Lens, store: str) -> str:
    """Where the package of an old receipt was installed; one without a readable list counts from the root."""
    try:
        return _old_prefix_of(read_dictionary(lens.read(f"{store}/Contents/Info.plist", MAX_RECEIPT_BYTES)))
    except UnreadableError:
        return "/"


def _old_prefix_of(values: dict[str, Any]) -> str:
    return "/" + (text_of(values, "IFPkgRelocatedPath") or text_of(values, "IFPkgFlagDefaultLocation") or "").strip("/.")


def _date_of(values: dict[str, Any], key: str) -> str | None:
    """Dates of property lists are in UTC and carry no zone."""
    value = values.get(key)
    return value.replace(microsecond=0, tzinfo=dt.UTC).isoformat().replace("+00:00", "Z") if isinstance(value, dt.datetime) else None


def _last_name(identifier: str) -> str:
    """Manifests may name an old receipt by its whole path."""
    return identifier.rstrip("/").rsplit("/", 1)[-1]
