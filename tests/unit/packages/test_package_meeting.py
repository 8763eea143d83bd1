"""Components that are sound one by one and cannot lie side by side: in one archive they are refused as it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.packages import open_packages
from atsam_safe.packages.limits import Limits
from atsam_safe.packages.meeting import meetings
from atsam_safe.packages.model import PayloadEntry
from lab.inspecting import NOW
from lab.items import Item, directory, file, symlink
from lab.packages import Component, Product, product_package

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue
    from lab.authority import Authority
    from lab.inspecting import InspectBytes

COLLISION = "package.path-collision"
ONE, OTHER = "a.one", "b.other"

MEETING: dict[str, tuple[Item, Item, str | None]] = {
    "case": (file("opt/zz/readme", b"a"), file("opt/zz/README", b"a"), COLLISION),
    "unicode": (file("opt/zz/\u00e9", b"a"), file("opt/zz/e\u0301", b"a"), COLLISION),
    "case-of-folder": (file("opt/zz/a", b"a"), file("opt/ZZ/b", b"b"), COLLISION),
    "case-of-empty-folder": (directory("opt/zz"), directory("opt/ZZ"), COLLISION),
    "content": (file("opt/zz/x", b"a"), file("opt/zz/x", b"b"), COLLISION),
    "size": (file("opt/zz/x", b"a"), file("opt/zz/x", b"aa"), COLLISION),
    "mode": (file("opt/zz/x", b"a", 0o644), file("opt/zz/x", b"a", 0o666), COLLISION),
    "target": (symlink("opt/zz/x", "a"), symlink("opt/zz/x", "b"), COLLISION),
    "kind": (file("opt/zz/x", b"a"), symlink("opt/zz/x", "a"), COLLISION),
    "file-and-folder": (file("opt/zz/x", b"a"), directory("opt/zz/x"), COLLISION),
    "folder-and-file": (directory("opt/zz/x"), file("opt/zz/x", b"a"), COLLISION),
    "folder-on-the-way-and-link": (file("opt/zz/x/y", b"a"), symlink("opt/zz/x", "/private/etc"), COLLISION),
    "below-a-link": (symlink("opt/zz/out", "/private/etc"), file("opt/zz/out/evil", b"b"), COLLISION),
    "below-a-link-of-other-case": (symlink("opt/zz/OUT", "/private/etc"), file("opt/zz/out/evil", b"b"), COLLISION),
    "below-a-file": (file("opt/zz/x", b"a"), file("opt/zz/x/y/z", b"b"), COLLISION),
    "same-file": (file("opt/zz/x", b"a"), file("opt/zz/x", b"a"), None),
    "same-link": (symlink("opt/zz/x", "a"), symlink("opt/zz/x", "a"), None),
    "same-folder": (directory("opt/zz", 0o755), directory("opt/zz", 0o777), None),
    "same-folder-on-the-way": (file("opt/zz/a", b"a"), directory("opt/zz", 0o777), None),
    "beside": (file("opt/zz/a", b"a"), file("opt/zz/b", b"b"), None),
}


def archive(authority: Authority, first: Item, second: Item, *, second_named: str = OTHER) -> bytes:
    components = (
        Component(identifier=ONE, version="1", items=(first,)),
        Component(identifier=second_named, version="1", items=(second,), directory="second.pkg"),
    )
    return product_package(Product(title="two", components=components), authority.signer())


@pytest.mark.parametrize("payload", ["read", "declared"])
@pytest.mark.parametrize("case", MEETING)
def test_parts_of_one_archive_that_meet_are_refused_as_it_is_read(
    case: str, payload: str, authority: Authority, catalogue: Catalogue, tmp_path: Path
) -> None:
    """Each had its own list of paths taken: a second component replaced, or led elsewhere, what the first one had brought."""
    first, second, expected = MEETING[case]
    if payload == "declared" and case == "mode":
        expected = None  # of rights a bill of materials says what nobody relies on; « check » reads the payloads themselves
    path = tmp_path / "two.pkg"
    path.write_bytes(archive(authority, first, second))
    limits = Limits(large_payload=0) if payload == "declared" else Limits()
    with open_packages(path, catalogue.trust, catalogue, NOW, limits, depth="archive") as opened:
        (inspection,) = opened.inspections
    assert [reason.ref for reason in inspection.signature.reasons] == ([] if expected is None else [expected])
    if expected is not None:
        assert inspection.signature.verdict == "refused"
        told = " ".join(inspection.signature.reasons[0].params.values())
        assert ONE in told
        assert OTHER in told


def test_one_component_twice_is_for_the_set_to_judge(authority: Authority, inspect_bytes: InspectBytes) -> None:
    first, second, _ = MEETING["content"]
    assert inspect_bytes(archive(authority, first, second, second_named=ONE)).readable


def entry(path: str, kind: str = "file", **changes: object) -> PayloadEntry:
    made = PayloadEntry(path=path, kind=kind, mode=0o644, uid=0, gid=0, checksum=1)  # type: ignore[arg-type]  # shorthand of tests
    return msgspec.structs.replace(made, **changes)


def test_every_place_where_they_meet_is_told_once_with_both_owners() -> None:
    one = [entry("/a/x"), entry("/a/out", "symlink", link="/etc"), entry("/a/same"), entry("/b", "directory")]
    other = [entry("/A/X"), entry("/a/out/1"), entry("/a/out/2"), entry("/a/same"), entry("/b/c")]
    found = [(meeting.path, meeting.owner, meeting.other, meeting.other_owner) for meeting in meetings([("1", one), ("2", other)])]
    assert found == [("/A", "2", "/a", "1"), ("/a/out", "2", "/a/out", "1")]


@pytest.mark.parametrize("changes", [{"uid": 501}, {"gid": 80}, {"mode": 0o600}, {"checksum": 2}, {"size": 2}])
def test_one_file_of_two_is_one_only_when_it_is_the_same_to_the_last_right(changes: dict[str, int]) -> None:
    assert list(meetings([("1", [entry("/a")]), ("2", [entry("/a")])])) == []
    assert len(list(meetings([("1", [entry("/a")]), ("2", [msgspec.structs.replace(entry("/a"), **changes)])]))) == 1


def test_what_only_a_bill_of_materials_says_of_a_file_counts_too() -> None:
    listed = entry("/a", checksum=None, listed=1, mode=0o600)
    assert list(meetings([("1", [entry("/a")]), ("2", [listed])])) == []
    assert len(list(meetings([("1", [entry("/a", checksum=2)]), ("2", [listed])]))) == 1
