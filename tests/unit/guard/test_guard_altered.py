"""A file that only a receipt calls ours stays ours while it is what the receipt recorded; anything else there is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.facts.model import ForeignClaim, PathFact, ReceiptEntry
from atsam_safe.guard.altered import altered
from lab.decisions import installed, shipped_catalogue, workstation

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import Component
    from atsam_safe.facts.model import EntryKind, Facts, Receipt

PLACE = "/Library/Application Support/Autre/notes.dat"
KNOWN = "/Library/Application Support/Galss/notes.dat"
VERSIONS = {"galss": "3.42.03", "cryptolib": "5.1.5"}
replace = msgspec.structs.replace


def recorded(
    kind: EntryKind = "file", path: str = PLACE, *, size: int = 7, checksum: int | None = None, link: str | None = None
) -> ReceiptEntry:
    return ReceiptEntry(path=path, kind=kind, mode=0o644, size=size, checksum=checksum, link=link)


def seen(kind: EntryKind = "file", path: str = PLACE, *, size: int = 7, checksum: int | None = None, link: str | None = None) -> PathFact:
    return PathFact(path=path, kind=kind, mode=0o644, uid=0, gid=0, size=size, checksum=checksum, link=link)


def listing(component: str, *entries: ReceiptEntry) -> Receipt:
    return replace(installed(component, VERSIONS[component])[0], entries=entries)


def found(*facts: PathFact, receipts: tuple[Receipt, ...], claims: tuple[ForeignClaim, ...] = ()) -> list[str]:
    station: Facts = replace(workstation("10.14.6"), receipts=receipts, paths=facts, foreign_claims=claims)
    return list(altered(station, core()))


def core() -> tuple[Component, ...]:
    return shipped_catalogue().core


@pytest.mark.parametrize(
    ("entry", "fact", "is_other"),
    [
        pytest.param(recorded(), seen(), False, id="as recorded"),
        pytest.param(recorded(), seen(size=6), True, id="shorter"),
        pytest.param(recorded(), seen(size=8), True, id="longer"),
        pytest.param(recorded(checksum=5), seen(checksum=5), False, id="the same content"),
        pytest.param(recorded(checksum=5), seen(checksum=4), True, id="another content"),
        pytest.param(recorded(checksum=5), seen(checksum=6), True, id="another content with a larger checksum"),
        pytest.param(recorded(checksum=5), seen(size=6, checksum=5), True, id="another size counts whatever the checksum"),
        pytest.param(recorded(checksum=5), seen(), False, id="content that nobody read is not held against the file"),
        pytest.param(recorded(), seen(checksum=5), False, id="content that the receipt does not tell"),
        pytest.param(recorded(checksum=5), seen(size=8), True, id="another size, where nobody read the content"),
        pytest.param(recorded("symlink", link="M"), seen("symlink", link="M"), False, id="a link as recorded"),
        pytest.param(recorded("symlink", link="M"), seen("symlink", link="A"), True, id="a link that leads elsewhere"),
        pytest.param(recorded("symlink", link="M"), seen("symlink", link="Z"), True, id="a link that leads elsewhere still"),
        pytest.param(recorded("symlink"), seen("symlink", link="A"), False, id="a link of which the receipt tells no target"),
        pytest.param(recorded("symlink", link="M"), seen("symlink", size=99, link="M"), False, id="a link has no size of its own"),
        pytest.param(recorded(), seen("symlink", link="M"), True, id="a link in the place of a file"),
        pytest.param(recorded("symlink", link="M"), seen(), True, id="a file in the place of a link"),
        pytest.param(recorded(), seen("other"), True, id="a device in the place of a file"),
        pytest.param(recorded("symlink", link="M"), seen("other"), True, id="a device in the place of a link"),
        pytest.param(recorded(), seen("directory", size=96), False, id="a folder goes only when it is empty"),
        pytest.param(recorded("symlink", link="M"), seen("directory"), False, id="a folder in the place of a link"),
        pytest.param(recorded("directory"), seen(), False, id="of what was a folder nothing is told"),
    ],
)
def test_what_is_not_as_recorded_is_left_alone(entry: ReceiptEntry, fact: PathFact, *, is_other: bool) -> None:
    assert found(fact, receipts=(listing("galss", entry),)) == ([PLACE] if is_other else [])


def test_nothing_is_told_of_what_is_not_there_or_in_no_receipt() -> None:
    assert found(receipts=(listing("galss", recorded()),)) == []
    assert found(seen(size=8), receipts=(listing("galss"),)) == []
    assert found(seen(size=8), receipts=(replace(listing("galss"), entries=None),)) == []


def test_a_file_that_one_of_two_receipts_recorded_so_is_that_components() -> None:
    older, newer = listing("galss", recorded(size=6)), listing("cryptolib", recorded(size=8))
    for receipts in ((older, newer), (newer, older)):
        assert found(seen(size=8), receipts=receipts) == []
        assert found(seen(size=7), receipts=receipts) == [PLACE]


def test_a_place_that_the_catalogue_knows_or_another_product_claims_has_its_own_rules() -> None:
    assert found(seen(path=KNOWN, size=8), receipts=(listing("galss", recorded(path=KNOWN)),)) == []
    claim = ForeignClaim(path=PLACE.upper(), receipt="com.example.other")
    assert found(seen(size=8), receipts=(listing("galss", recorded()),), claims=(claim,)) == []


def test_every_one_is_named_in_order() -> None:
    paths = [f"{PLACE}.{letter}" for letter in "bac"]
    receipt = listing("galss", *(recorded(path=path) for path in paths))
    assert found(*(seen(path=path, size=8) for path in paths), receipts=(receipt,)) == sorted(paths)
