"""A damaged store: the check finds everything, and a rollback brings all of it back or refuses with nothing touched."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.snapshot import SnapshotStore, open_state
from atsam_safe.snapshot.manifest import parse, render
from atsam_safe.transaction import recover, rollback
from atsam_safe.transaction.journal import JournalDamagedError
from atsam_safe.volume import Volume
from atsam_safe.words.model import AtsamSafeError
from faults.blackouts import fingerprint as timeless
from faults.blackouts import half_installed
from faults.fingerprint import STATE_FOLDER, Fingerprint, fingerprint
from lab.heart import lay_out
from lab.heart_runs import go_back, install, killed_at, prepared
from unit.transaction.test_never_begun import CUTS, FAR

if TYPE_CHECKING:
    from collections.abc import Callable


def objects(state: Path) -> list[Path]:
    return sorted(path for path in (state / "objects").rglob("*") if path.is_file())


def needed(state: Path) -> Path:
    """An object that the last snapshot needs and that the workstation no longer has."""
    latest = (state / "latest").read_text().strip()
    document = json.loads((state / "snapshots" / latest / "manifest.json").read_bytes())
    paths = document.get("manifest", document)["paths"]
    sha256: str = next(item["sha256"] for item in paths if item["path"].endswith("libgalss.dylib"))
    return state / "objects" / sha256[:2] / sha256[2:]


def snapshot(state: Path) -> Path:
    return state / "snapshots" / (state / "latest").read_text().strip()


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    content = change(path.read_bytes())
    path.chmod(0o600)
    path.write_bytes(content)
    path.chmod(0o400 if "objects" in path.parts else 0o600)


def replace_by_link(path: Path) -> None:
    target = path.parent / "moved"
    path.rename(target)
    path.symlink_to(target)


def empty_objects(state: Path) -> None:
    shutil.rmtree(state / "objects")
    (state / "objects").mkdir(mode=0o700)


def folder_for_object(state: Path) -> None:
    place = needed(state)
    place.unlink()
    place.mkdir()


def swap(state: Path) -> None:
    """Two objects under each other's names."""
    one, other = needed(state), next(path for path in objects(state) if path != needed(state))
    content, another = one.read_bytes(), other.read_bytes()
    rewrite(one, lambda _: another)
    rewrite(other, lambda _: content)


def other_path(content: bytes) -> bytes:
    return content.replace(b"galss.conf", b"galss.c0nf")


def newer(state: Path) -> None:
    path = snapshot(state) / "manifest.json"
    rewrite(path, lambda content: content.replace(b'"format":1', b'"format":99').replace(b'"format": 1', b'"format": 99'))


def second_copy(place: Path, other: Path) -> None:
    """A second copy of a file of the store, its folder made as the store makes one."""
    if not other.parent.exists():
        other.parent.mkdir(mode=0o700)
    shutil.copy2(place, other)


def beside(state: Path) -> Path:
    """A folder of objects that is not the one of the needed object."""
    return state / "objects" / f"{int(needed(state).parent.name, 16) ^ 1:02x}"


def second_snapshot(state: Path, name: Callable[[str], str], **inside: int) -> None:
    """The last snapshot once more under another name; ``inside``: its list of files agrees, its number is this, and it is whole."""
    place = snapshot(state)
    other = place.with_name(name(place.name))
    shutil.copytree(place, other, symlinks=True)
    if inside:
        rewrite(
            other / "manifest.json", lambda content: render(msgspec.structs.replace(parse(content, place.name), id=other.name, **inside))
        )


def one_later(name: str) -> str:
    """The next number."""
    return f"{int(name[:6]) + 1:06d}{name[6:]}"


def number_of(state: Path) -> int:
    """Number of the last snapshot."""
    return int(snapshot(state).name[:6])


def other_tail(name: str) -> str:
    """The same number and time, another random end."""
    return f"{name[:-4]}{int(name[-4:], 16) ^ 0xFFFF:04x}"


def two_names(state: Path) -> None:
    """One file under two names, as a careless copy of the folder with hard links leaves it."""
    other = beside(state) / needed(state).name
    if not other.parent.exists():
        other.parent.mkdir(mode=0o700)
    other.hardlink_to(needed(state))


DAMAGES: dict[str, Callable[[Path], object]] = {
    "last bit of an object flipped": lambda state: rewrite(needed(state), lambda content: content[:-1] + bytes([content[-1] ^ 1])),
    "first bit of an object flipped": lambda state: rewrite(needed(state), lambda content: bytes([content[0] ^ 128]) + content[1:]),
    "object cut short": lambda state: rewrite(needed(state), lambda content: content[:-1]),
    "object empty": lambda state: rewrite(needed(state), lambda _: b""),
    "object longer": lambda state: rewrite(needed(state), lambda content: content + b"x"),
    "object missing": lambda state: needed(state).unlink(),
    "all objects missing": empty_objects,
    "two objects swapped": swap,
    "object is a link": lambda state: replace_by_link(needed(state)),
    "object is a folder": folder_for_object,
    "folder of objects is a link": lambda state: replace_by_link(needed(state).parent),
    "duplicate: object in a second folder as well": lambda state: second_copy(needed(state), beside(state) / needed(state).name),
    "duplicate: object under two names of one file": two_names,
    "duplicate: object under a second hash as well": lambda state: second_copy(needed(state), needed(state).with_name("0" * 62)),
    "duplicate: object beside itself": lambda state: second_copy(needed(state), needed(state).with_name(f"{needed(state).name}.1")),
    "duplicate: object in upper case as well": lambda state: second_copy(needed(state), needed(state).with_name("ABCDEF" * 10 + "AB")),
    "duplicate: object at the top under its whole hash": lambda state: second_copy(
        needed(state), state / "objects" / f"{needed(state).parent.name}{needed(state).name}"
    ),
    "duplicate: object under the name of another one": lambda state: rewrite(
        next(path for path in objects(state) if path != needed(state)), lambda _: needed(state).read_bytes()
    ),
    "duplicate: folder of objects twice": lambda state: shutil.copytree(needed(state).parent, beside(state), dirs_exist_ok=True),
    "duplicate: snapshot under a second name": lambda state: second_snapshot(state, other_tail),
    "duplicate: snapshot under a later number": lambda state: second_snapshot(state, one_later),
    "duplicate: whole snapshot under a later number that it does not bear": lambda state: second_snapshot(
        state, one_later, sequence=number_of(state)
    ),
    "duplicate: two snapshots of one number": lambda state: second_snapshot(state, other_tail, sequence=number_of(state)),
    "duplicate: manifest in the snapshot twice": lambda state: second_copy(
        snapshot(state) / "manifest.json", snapshot(state) / "manifest (1).json"
    ),
    "duplicate: pointer twice": lambda state: second_copy(state / "latest", state / "latest.1"),
    "manifest missing": lambda state: (snapshot(state) / "manifest.json").unlink(),
    "manifest empty": lambda state: rewrite(snapshot(state) / "manifest.json", lambda _: b""),
    "manifest cut short": lambda state: rewrite(snapshot(state) / "manifest.json", lambda content: content[: len(content) // 2]),
    "manifest with another path": lambda state: rewrite(
        snapshot(state) / "manifest.json", lambda c: c.replace(b"galss.conf", b"galss.c0nf")
    ),
    "manifest of a newer program": newer,
    "manifest is a link": lambda state: replace_by_link(snapshot(state) / "manifest.json"),
    "script missing": lambda state: (snapshot(state) / "restore.sh").unlink(),
    "script changed": lambda state: rewrite(snapshot(state) / "restore.sh", lambda content: content + b"\nrm -rf /\n"),
    "snapshot is a link": lambda state: replace_by_link(snapshot(state)),
    "foreign file beside the snapshots": lambda state: (state / "snapshots/notes.txt").touch(),
    "foreign file in a snapshot": lambda state: (snapshot(state) / "notes.txt").touch(),
    "foreign file among the objects": lambda state: (state / "objects/notes.txt").touch(),
    "foreign file at the top": lambda state: (state / "notes.txt").touch(),
    "object that others may write": lambda state: needed(state).chmod(0o666),
    "snapshot that others may read": lambda state: snapshot(state).chmod(0o755),
    "object of somebody else": lambda state: os.chown(needed(state), 12345, 12345),
    "pointer to nowhere": lambda state: (state / "latest").write_text("000099-20260101T000000Z-abcd\n"),
    "pointer of nonsense": lambda state: (state / "latest").write_text("../../etc\n"),
    "pointer empty": lambda state: (state / "latest").write_text(""),
}
# what nobody needs for the way back does not prevent it; a pointer that says nonsense is written anew from what it points into
BEGINNINGS = (
    "foreign file",
    "script",
    "object that others",
    "snapshot that others",
    "object of somebody",
    "pointer of nonsense",
    "pointer empty",
    "duplicate: object in",
    "duplicate: object under two names",
    "duplicate: object under a second hash",
    "duplicate: object beside",
    "duplicate: object at",
    "duplicate: folder",
    "duplicate: snapshot",
    "duplicate: whole snapshot",
    "duplicate: two snapshots",
    "duplicate: manifest",
    "duplicate: pointer",
)
HARMLESS = {name for name in DAMAGES if name.startswith(BEGINNINGS)}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("damage") / "volume"
    root.mkdir()
    lay_out(root)
    install(root)
    return root


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.needs("root") if "somebody else" in name else ()) for name in DAMAGES]
)
def test_damage_is_found_and_never_spread(name: str, template: Path, tmp_path: Path) -> None:
    root = tmp_path / "volume"
    shutil.copytree(template, root, symlinks=True)
    DAMAGES[name](root / STATE_FOLDER)
    before = fingerprint(root)
    said: tuple[str, ...] = ()
    with open_state(root) as state, Volume(root) as volume:
        report = SnapshotStore(state).check()
        assert report.problems, "the check found nothing"
        assert fingerprint(root) == before
        try:
            outcome: str = rollback(state, volume).outcome
        except AtsamSafeError as error:
            said = tuple(problem.ref for problem in error.problems)
            outcome = "refused"
    if outcome == "committed":
        assert name in HARMLESS
        assert (root / "usr/local/galss/libgalss.dylib").read_bytes().startswith(b"old library")
    else:
        assert outcome == "refused", outcome
        assert said
        assert fingerprint(root) == before


def test_an_equal_snapshot_under_a_later_number_is_one_more_way_back(template: Path, tmp_path: Path) -> None:
    """Whole in itself and with a number of its own, however it came: nothing is wrong with it, and both bring the same back."""
    root = tmp_path / "volume"
    shutil.copytree(template, root, symlinks=True)
    first = snapshot(root / STATE_FOLDER).name
    second_snapshot(root / STATE_FOLDER, one_later, sequence=number_of(root / STATE_FOLDER) + 1)
    with open_state(root) as state, Volume(root) as volume:
        report = SnapshotStore(state).check()
        assert report.problems == ()
        assert report.restorable == (first, one_later(first))
        assert recover(state, volume).outcome == "nothing-to-do"
        assert rollback(state, volume, one_later(first)).outcome == "committed"
        assert (root / "usr/local/galss/libgalss.dylib").read_bytes().startswith(b"old library")
        assert rollback(state, volume, first).outcome == "nothing-to-do", "both bring the same state back"


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Fingerprint]:
    """A workstation on which a run was cut off in the middle of its changes, and what it was before that run."""
    root = tmp_path_factory.mktemp("interrupted") / "volume"
    root.mkdir()
    lay_out(root)
    install(root)
    go_back(root)
    before = timeless(root)
    half_installed(root)
    assert timeless(root) != before
    return root, before


def folder_for_journal(state: Path) -> None:
    (state / "run/journal.log").unlink()
    (state / "run/journal.log").mkdir()


def journal_cut_in_two(state: Path) -> None:
    """The middle of the journal is gone: what is left of it must not be taken for the whole."""
    lines = (state / "run/journal.log").read_bytes().splitlines(keepends=True)
    (state / "run/journal.log").write_bytes(b"".join(lines[:2] + lines[4:]))


RUN_DAMAGES: dict[str, Callable[[Path], object]] = {
    **DAMAGES,
    "journal without its middle": journal_cut_in_two,
    "journal with a flipped bit": lambda state: rewrite(state / "run/journal.log", lambda content: content[:99] + b"?" + content[100:]),
    "journal is a link": lambda state: replace_by_link(state / "run/journal.log"),
    "journal is a folder": folder_for_journal,
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.needs("root") if "somebody else" in name else ()) for name in RUN_DAMAGES]
)
def test_a_recovery_from_a_damaged_store_restores_all_or_says_that_it_did_not(
    name: str, interrupted: tuple[Path, Fingerprint], tmp_path: Path
) -> None:
    """An unfinished run and a damaged store: exactly the state before, or a refusal in words; never a false word, never a second loss."""
    template, before = interrupted
    root = tmp_path / "volume"
    shutil.copytree(template, root, symlinks=True)
    RUN_DAMAGES[name](root / STATE_FOLDER)
    between = timeless(root)
    for _ in range(2):
        said: tuple[str, ...] = ()
        with contextlib.ExitStack() as stack:
            try:
                state = stack.enter_context(open_state(root))
                result = recover(state, stack.enter_context(Volume(root)))
                outcome: str = result.outcome
                said = tuple(problem.ref for problem in result.problems)
            except AtsamSafeError as error:
                outcome, said = "refused", tuple(problem.ref for problem in error.problems)
        found = timeless(root)
        if outcome == "rolled-back":
            assert found == before
            break
        assert outcome in {"refused", "broken"}, outcome
        assert said
        assert "transaction.internal-error" not in said
        assert os.path.lexists(root / STATE_FOLDER / "run/journal.log"), (
            "the next start would not know that there is something to bring back"
        )
        if outcome == "refused":
            assert found == between
        between = found
    else:
        assert name not in HARMLESS
        if not name.startswith("journal"):
            assert outcome == "broken"  # what is needed is really gone
            return
        # all that is needed is there: a refusal that names no way out would be a dead end
        with open_state(root) as state, Volume(root) as volume:
            with pytest.raises(JournalDamagedError) as caught:
                recover(state, volume)
            (problem,) = caught.value.problems
            assert problem.params["snapshot"] == SnapshotStore(state).unended()
            subprocess.run(["/bin/sh", "-c", problem.params["by_hand"]], check=True, capture_output=True)
            assert timeless(root) == before
            assert recover(state, volume).outcome == "rolled-back"


@pytest.fixture(scope="module", params=["before anything was kept", "before the record of what was kept"])
def just_begun(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workstation whose last run committed, and on which another one was cut off before it touched anything."""
    root, _ = prepared(tmp_path_factory.mktemp("just-begun"), install, go_back, install)
    assert killed_at(FAR, CUTS[request.param], root)
    return root


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.needs("root") if "somebody else" in name else ()) for name in RUN_DAMAGES]
)
def test_a_run_that_had_touched_nothing_is_ended_whatever_is_damaged(name: str, just_begun: Path, tmp_path: Path) -> None:
    """« Refused twice » once was the end of it, and the remedy undid a healthy set."""
    root = tmp_path / "volume"
    shutil.copytree(just_begun, root, symlinks=True)
    RUN_DAMAGES[name](root / STATE_FOLDER)
    found = timeless(root)
    with open_state(root) as state, Volume(root) as volume:
        result = recover(state, volume)
        assert (result.outcome, result.problems) == ("unchanged", ())
        assert recover(state, volume).outcome == "nothing-to-do"
    assert timeless(root) == found
    assert not os.path.lexists(root / STATE_FOLDER / "run/journal.log")


def test_what_is_still_possible_is_said(template: Path, tmp_path: Path) -> None:
    root = tmp_path / "volume"
    shutil.copytree(template, root, symlinks=True)
    needed(root / STATE_FOLDER).unlink()
    with open_state(root) as state, Volume(root) as volume, pytest.raises(AtsamSafeError) as caught:
        rollback(state, volume)
    first = caught.value.problems[0]
    assert first.ref == "snapshot.not-restorable"
    assert int(first.params["possible"]) == int(first.params["files"]) - 1
    assert Path(first.params["place"]).is_dir()


def test_an_older_whole_snapshot_still_serves(template: Path, tmp_path: Path) -> None:
    """The newest is damaged; the one before can be named and brings its state back."""
    root = tmp_path / "volume"
    shutil.copytree(template, root, symlinks=True)
    first = snapshot(root / STATE_FOLDER).name
    go_back(root)
    go_back(root)
    (snapshot(root / STATE_FOLDER) / "manifest.json").unlink()
    with open_state(root) as state, Volume(root) as volume:
        assert first in SnapshotStore(state).check().restorable
        assert rollback(state, volume, first).outcome == "committed"
    assert (root / "usr/local/galss/libgalss.dylib").read_bytes().startswith(b"old library")
