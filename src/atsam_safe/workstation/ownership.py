"""Paths of ours, or of a package about to be installed, that another product's receipt lists too.

Asked before a change only; bills of materials are read for it.

« Not ours, not touched »: a folder that another vendor's receipt claims is kept, whatever our own receipt says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from atsam_safe.catalogue.patterns import fold
from atsam_safe.catalogue.system_folders import is_system_folder
from atsam_safe.facts.model import ForeignClaim, Receipt
from atsam_safe.workstation.plists import clean_text, read_dictionary, text_of
from atsam_safe.workstation.receipts import OLD_RECEIPTS, RECEIPTS, flat_identifiers, old_prefix, read_entries
from atsam_safe.workstation.unreadable import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atsam_safe.catalogue.model import Catalogue, Component
    from atsam_safe.facts.model import Home, ReceiptEntry
    from atsam_safe.guard.overwriting import PayloadPaths
    from atsam_safe.workstation.lens import Lens
    from atsam_safe.workstation.receipts import ReceiptFilter

MAX_FOREIGN_RECEIPTS: Final = 2000
MAX_CLAIMS: Final = 20_000
_MAX_RECEIPT_BYTES: Final = 256 << 10
# Apple's own receipts list the whole system (hundreds of thousands of paths) and none of these components.
_APPLE: Final = "com.apple."


class Candidates:
    """Our paths, compared as macOS compares names: without case, and composed or decomposed accents alike."""

    def __init__(self) -> None:
        self._exact: dict[str, str] = {}
        self._trees: dict[str, str] = {}

    def add(self, path: str, *, tree: bool) -> None:
        """One path of ours; with ``tree`` everything below it too. Folders of the system itself are left out."""
        if is_system_folder(path):
            return
        key = fold(path)
        self._exact.setdefault(key, path)
        if tree:
            self._trees.setdefault(key, path)

    def claimed(self, path: str) -> str | None:
        """Our spelling of ``path`` when it is one of ours or below one of our trees, else ``None``."""
        key = fold(path)
        if key in self._exact:
            return self._exact[key]
        parent = key
        while (cut := parent.rfind("/")) > 0:
            parent = parent[:cut]
            if parent in self._trees:
                # Folding may change the number of characters, not the number of segments.
                depth = self._trees[parent].count("/") + 1
                return "/".join([self._trees[parent], *path.split("/")[depth:]])
        return None


def foreign_claims(
    lens: Lens,
    catalogue: Catalogue,
    known: ReceiptFilter,
    homes: Sequence[Home],
    receipts: Sequence[Receipt],
    payload: PayloadPaths | None = None,
) -> tuple[tuple[ForeignClaim, ...], tuple[Receipt, ...]]:
    """Claims of all receipts that are not a core component's, sorted; and those receipts whose claims are not, or not wholly, known.

    The receipt of an optional component (which stays when the unit goes) counts against the unit's paths, not against its own.
    What packages are about to write (``payload``) is asked about as well, folders of the system excepted.
    A receipt without a bill of materials claims nothing, which is no damage: many genuine ones are so.
    """
    unit = _candidates(lens, catalogue.core, homes, [receipt for receipt in receipts if receipt.identifier in known.core])
    everything = _candidates(lens, catalogue.components, homes, receipts)
    if payload is not None:
        for place in payload.core:
            unit.add(place, tree=False)
        for place in payload.paths:
            everything.add(place, tree=False)
    claims: dict[tuple[str, str], None] = {}
    unread: list[Receipt] = []
    for found in _foreign_bills(lens, known):
        entries, problem = ((), "not compared: too many claims") if len(claims) > MAX_CLAIMS else _listed(lens, found)
        if problem is not None:
            place = found.bom if found.problem is None and found.bom is not None else found.store
            lens.note(f"{clean_text(place)}: {problem}; its claims are unknown")
            unread.append(Receipt(identifier=clean_text(found.identifier), store=clean_text(found.store), problem=problem))
        ours = unit if found.identifier in known.flat else everything
        for entry in entries:
            path = ours.claimed(entry.path)
            if path is not None:
                claims[path, clean_text(found.identifier)] = None
    return tuple(ForeignClaim(path=path, receipt=receipt) for path, receipt in sorted(claims)), tuple(unread)


class _Bill(NamedTuple):
    """A foreign receipt: its property list (or folder), bill of materials, and why what it lists could not be placed."""

    identifier: str
    store: str
    bom: str | None
    prefix: str = "/"
    problem: str | None = None


def _listed(lens: Lens, bill: _Bill) -> tuple[tuple[ReceiptEntry, ...], str | None]:
    """What a foreign receipt lists, and why that is not, or not surely, all of it."""
    if bill.bom is None:
        return (), bill.problem
    try:
        return read_entries(lens, bill.bom, bill.prefix), bill.problem
    except UnreadableError as error:
        return (), str(error)


def _foreign_bills(lens: Lens, known: ReceiptFilter) -> Iterator[_Bill]:
    """Every receipt that is not a core component's nor Apple's, old ones last."""
    foreign = [name for name in flat_identifiers(lens) if name not in known.core and not name.startswith(_APPLE)]
    for number, identifier in enumerate(foreign):
        store, bom = f"{RECEIPTS}/{identifier}.plist", f"{RECEIPTS}/{identifier}.bom"
        listed = bom if lens.entry(bom) is not None else None
        if number < MAX_FOREIGN_RECEIPTS:
            yield _Bill(identifier, store, listed, *_prefix(lens, store))
        elif listed is not None:
            yield _Bill(identifier, store, None, problem="not compared: too many receipts")
    for name in lens.names(OLD_RECEIPTS):
        store = f"{OLD_RECEIPTS}/{name}"
        bom = f"{store}/Contents/Archive.bom"
        if name.endswith(".pkg") and name not in known.bundle and lens.entry(bom) is not None:
            yield _Bill(name, store, bom, old_prefix(lens, store))


def _candidates(lens: Lens, components: Sequence[Component], homes: Sequence[Home], receipts: Sequence[Receipt]) -> Candidates:
    ours = Candidates()
    for component in components:
        if "macos" not in component.families:
            continue
        for rule in component.paths:
            if rule.role != "private":
                for path in lens.expand(rule.path, homes):
                    ours.add(path, tree=rule.scope == "tree")
    for receipt in receipts:
        for entry in receipt.entries or ():
            ours.add(entry.path, tree=False)
    return ours


def _prefix(lens: Lens, store: str) -> tuple[str, str | None]:
    """Where the receipt's package was installed, and why that cannot be told: what it lists is then looked for from the root."""
    try:
        values = read_dictionary(lens.read(store, _MAX_RECEIPT_BYTES))
    except UnreadableError as error:
        return "/", f"property list: {error}"
    return text_of(values, "InstallPrefixPath") or "/", None
