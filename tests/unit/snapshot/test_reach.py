"""Of each path the earliest record, from the snapshot that is gone back to onwards: pure, on lists of files made by hand."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Literal

import msgspec
import pytest

from atsam_safe.plan.model import ScopeEntry, ScopeKind
from atsam_safe.snapshot.model import PathState
from atsam_safe.snapshot.reach import reaching
from atsam_safe.snapshot.scope import digest_of
from lab.manifests import manifest

if TYPE_CHECKING:
    from atsam_safe.snapshot.model import Manifest

Kind = Literal["absent", "file", "directory", "link"]
# (path, kind in the scope or "" for what only lies below a tree, what was there)
Known = tuple[str, ScopeKind | Literal[""], str]


def state(path: str, there: str) -> PathState:
    """``-``: absent, ``/``: a folder, anything else: a file with that content."""
    if there == "-":
        return PathState(path=path, kind="absent")
    if there == "/":
        return PathState(path=path, kind="directory", mode=0o755)
    return PathState(path=path, kind="file", mode=0o644, sha256=hashlib.sha256(there.encode()).hexdigest(), size=len(there))


def snapshot(*known: Known) -> Manifest:
    scope = tuple(ScopeEntry(path=path, kind=kind) for path, kind, _ in known if kind)
    paths = tuple(sorted((state(path, there) for path, _, there in known), key=lambda item: item.path))
    return msgspec.structs.replace(manifest(*paths, scope=scope), digest=digest_of(paths))


# name → (the snapshot gone back to, the later ones, what is then wanted, what others have put into folders absent then)
CASES: dict[str, tuple[list[Known], list[list[Known]], dict[str, str], tuple[str, ...]]] = {
    "nothing later": ([("/a", "file", "1")], [], {"/a": "1"}, ()),
    "the same paths": ([("/a", "file", "1")], [[("/a", "file", "2")]], {"/a": "1"}, ()),
    "a path more": ([("/a", "file", "1")], [[("/a", "file", "2"), ("/b", "file", "-")]], {"/a": "1", "/b": "-"}, ()),
    "the earliest of two": ([("/a", "file", "1")], [[("/b", "file", "1")], [("/b", "file", "2")]], {"/a": "1", "/b": "1"}, ()),
    "below a tree of then": ([("/t", "tree", "/")], [[("/t/new", "file", "1")]], {"/t": "/"}, ()),
    "a tree around a file of then": (
        [("/t", "directory", "/"), ("/t/a", "file", "-")],
        [[("/t", "tree", "/"), ("/t/a", "", "2"), ("/t/b", "", "2")]],
        {"/t": "/", "/t/a": "-", "/t/b": "2"},
        (),
    ),
    "in a folder that was absent": (
        [("/d", "directory", "-"), ("/d/ours", "file", "-")],
        [[("/d", "directory", "/"), ("/d/theirs", "file", "1")]],
        {"/d": "/", "/d/ours": "-", "/d/theirs": "1"},
        ("/d/theirs",),
    ),
    "two folders deep": (
        [("/d", "directory", "-")],
        [[("/d", "directory", "/"), ("/d/e", "directory", "/"), ("/d/e/theirs", "file", "1")]],
        {"/d": "/", "/d/e": "/", "/d/e/theirs": "1"},
        ("/d/e",),
    ),
    "below what was a file": (
        [("/x", "file", "1")],
        [[("/x", "tree", "/"), ("/x/y", "", "/"), ("/x/y/z", "", "2")]],
        {"/x": "1"},
        (),
    ),
    "a name below what was a file": ([("/x", "file", "1")], [[("/x/y", "file", "2")]], {"/x": "1", "/x/y": "-"}, ()),
}


@pytest.mark.parametrize("case", CASES)
def test_the_earliest_record_of_each_path_counts(case: str) -> None:
    first, later, wanted, company = CASES[case]
    own = snapshot(*first)
    found, named = reaching(own, [snapshot(*known) for known in later], str)
    assert found.paths == tuple(state(path, there) for path, there in sorted(wanted.items()))
    assert (found.digest, named) == (digest_of(found.paths), company)
    assert (found.id, found.sequence) == (own.id, own.sequence)
    assert (found is own) is (wanted.keys() == {path for path, _, _ in first} and not (case.startswith("below what")))


def test_a_folder_of_everybody_s_stays_one() -> None:
    """Looked at last, it has no time, whatever else names it."""
    own = snapshot(("/Library", "shared", "/"))
    found, _ = reaching(own, [snapshot(("/Library", "directory", "/"), ("/Library/x", "tree", "-"))], str)
    assert [(entry.path, entry.kind) for entry in found.scope] == [("/Library/x", "tree"), ("/Library", "shared")]


def test_folders_above_are_made_again_for_what_a_later_snapshot_knows() -> None:
    own = msgspec.structs.replace(snapshot(("/new/a", "file", "-")), ancestors=(state("/new", "-"),))
    later = msgspec.structs.replace(snapshot(("/new/b", "file", "1")), ancestors=(state("/new", "/"),))
    found, _ = reaching(own, [later], str)
    assert found.ancestors == (state("/new", "/"),)
