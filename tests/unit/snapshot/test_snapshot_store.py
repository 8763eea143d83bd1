from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.plan.model import ScopeEntry
from atsam_safe.snapshot import KeepPolicy, SnapshotStore, open_state
from atsam_safe.snapshot import scope as scope_module
from atsam_safe.snapshot import store as store_module
from atsam_safe.snapshot.manifest import ManifestError
from atsam_safe.volume.reading import VolumeReader
from atsam_safe.volume.state_place import default_state_path
from atsam_safe.words.model import RefusedError, WorkstationError
from atsam_safe.words.registry import find
from lab.kept_volume import Bench
from lab.scopes import SCOPE, SPOILERS, spoil_all_gone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from atsam_safe.snapshot.model import Snapshot
    from atsam_safe.volume.model import Entry


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    root = tmp_path / "root"
    root.mkdir()
    made = Bench(root)
    yield made
    made.state.close()
    made.volume.close()


def tree_of(root: Path) -> dict[str, tuple[object, ...]]:
    """An independent look at the whole volume but the state folder: what our own digest must not be trusted to see."""
    found: dict[str, tuple[object, ...]] = {}
    for folder, folders, files in os.walk(root):
        if folder.endswith("Application Support"):
            folders.clear()
            continue
        for name in folders + files:
            path = Path(folder) / name
            status = path.lstat()
            content = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
            xattrs = {key: os.getxattr(path, key, follow_symlinks=False) for key in os.listxattr(path, follow_symlinks=False)}
            found[str(path.relative_to(root))] = (oct(status.st_mode), status.st_uid, status.st_gid, content, xattrs)
    return found


def names(path: Path) -> list[str]:
    return sorted(str(item.relative_to(path)) for item in path.rglob("*"))


@pytest.mark.parametrize("spoil", SPOILERS)
def test_restore_brings_back_exactly_what_was(bench: Bench, spoil: Callable[[Path], None]) -> None:
    before = tree_of(bench.root)
    snapshot = bench.keep()
    assert snapshot.digest == bench.digest()
    spoil(bench.root)
    report = bench.store.restore(bench.volume, snapshot.id)
    assert report.differences == ()
    assert report.proven
    assert bench.digest() == snapshot.digest
    assert tree_of(bench.root) == before
    again = bench.store.restore(bench.volume, snapshot.id)
    assert (again.changed, again.proven) == (0, True)
    assert names(bench.state.path / "run") == []


@pytest.mark.needs("dash", "bash", "setfattr", "extended attributes")
@pytest.mark.parametrize("shell", ["/usr/bin/dash", "/usr/bin/bash", "/bin/sh"])
@pytest.mark.parametrize("spoil", SPOILERS)
def test_the_stand_alone_script_brings_back_the_same(bench: Bench, spoil: Callable[[Path], None], shell: str) -> None:
    before = tree_of(bench.root)
    snapshot = bench.keep()
    spoil(bench.root)
    for _ in range(2):
        done = subprocess.run([shell, f"{snapshot.place}/restore.sh"], capture_output=True, text=True, check=False, cwd="/")
        assert done.stderr == ""
        assert done.returncode == 0
    assert bench.digest() == snapshot.digest
    assert tree_of(bench.root) == before
    assert not (bench.root / "opt" / "pwned").exists()


def run_script(snapshot: Snapshot, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/bin/sh", f"{snapshot.place}/restore.sh", *arguments], capture_output=True, text=True, check=False, cwd="/")


def test_the_script_verifies_everything_before_it_touches_anything(bench: Bench) -> None:
    snapshot = bench.keep()
    spoil_all_gone(bench.root)
    spoiled = tree_of(bench.root)
    place = bench.object_of(snapshot, "/opt/tree/large")
    content = place.read_bytes()
    place.chmod(0o600)
    place.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    done = run_script(snapshot)
    assert done.returncode == 1
    assert "STOP" in done.stderr
    assert "ARRET" in done.stderr
    assert tree_of(bench.root) == spoiled
    place.unlink()
    assert run_script(snapshot, "--check").returncode == 1
    assert tree_of(bench.root) == spoiled


def test_the_script_never_follows_a_link_out_of_the_volume(bench: Bench, tmp_path: Path) -> None:
    snapshot = bench.keep()
    spoil_all_gone(bench.root)
    shutil.rmtree(bench.root / "opt")
    outside = tmp_path / "outside"
    outside.mkdir()
    (bench.root / "opt").symlink_to(outside)
    done = run_script(snapshot)
    assert done.returncode == 1
    assert names(outside) == []


def test_a_temporary_file_of_a_killed_run_keeps_no_folder_that_has_to_go(bench: Bench) -> None:
    """Killed between the making of a folder and the naming of its first file: once the script stopped at the folder that was not empty."""
    before = tree_of(bench.root)
    snapshot = bench.keep()
    folder = bench.root / "new" / "parents" / "deep"
    folder.mkdir(parents=True)
    (folder / ".atsam-safe-0123456789abcdef.tmp").write_bytes(b"half of a file")
    done = run_script(snapshot)
    assert (done.returncode, done.stderr) == (0, "")
    assert tree_of(bench.root) == before


def test_the_script_restores_another_root(bench: Bench, tmp_path: Path) -> None:
    snapshot = bench.keep()
    other = tmp_path / "other root"
    other.mkdir()
    assert run_script(snapshot, str(other)).returncode in {0, 3}
    assert (other / "opt" / "tree" / "large").read_bytes() == (bench.root / "opt" / "tree" / "large").read_bytes()
    assert (other / "private" / "etc" / "galss.ini").exists()


def flip(place: Path) -> None:
    content = bytearray(place.read_bytes())
    content[-1] ^= 0x20
    place.chmod(0o600)
    place.write_bytes(bytes(content))
    place.chmod(0o400)


def truncate(place: Path) -> None:
    os.truncate(place, 5)


def empty(place: Path) -> None:
    os.truncate(place, 0)


def remove(place: Path) -> None:
    place.unlink()


def link(place: Path) -> None:
    place.rename(place.with_name("elsewhere"))
    place.symlink_to("elsewhere")


def folder(place: Path) -> None:
    place.unlink()
    place.mkdir()


DAMAGES: dict[Callable[[Path], None], str] = {
    flip: "snapshot.object-damaged",
    truncate: "snapshot.object-truncated",
    empty: "snapshot.object-truncated",
    remove: "snapshot.object-missing",
    link: "snapshot.object-foreign",
    folder: "snapshot.object-foreign",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_content_is_found_refused_and_healed(bench: Bench, damage: Callable[[Path], None]) -> None:
    snapshot = bench.keep()
    damage(bench.object_of(snapshot, "/opt/tree/large"))
    assert DAMAGES[damage] in bench.refs()
    assert bench.store.check().broken == (snapshot.id,)
    # what is still right on the workstation needs nothing from the store
    assert bench.store.restore(bench.volume, snapshot.id).proven
    spoil_all_gone(bench.root)
    spoiled = tree_of(bench.root)
    with pytest.raises(RefusedError) as caught:
        bench.store.restore(bench.volume, snapshot.id)
    refs = [problem.ref for problem in caught.value.problems]
    assert refs == ["snapshot.not-restorable", DAMAGES[damage]]
    assert caught.value.problems[0].params["damaged"] == "1"
    assert tree_of(bench.root) == spoiled
    assert names(bench.state.path / "run") == []


def test_a_new_snapshot_heals_damaged_content(bench: Bench) -> None:
    snapshot = bench.keep()
    flip(bench.object_of(snapshot, "/opt/tree/large"))
    bench.keep()
    assert bench.store.check().broken == ()


def spoil_manifest(place: Path, change: Callable[[str], str]) -> None:
    text = (place / "manifest.json").read_text()
    changed = change(text)
    assert changed != text
    (place / "manifest.json").write_text(changed)


MANIFEST_DAMAGES: dict[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "truncated": lambda text: text[: len(text) // 2],
    "a bit": lambda text: text.replace('"mode": 33', '"mode": 34').replace("content", "c0ntent").replace('"run"', '"ruN"'),
    "a hash": lambda text: text.replace('"sha256": "a', '"sha256": "b').replace('"sha256": "0', '"sha256": "1'),
    "not an object": lambda _: "[]",
    "deep": lambda _: "[" * 100_000,
    "no checksum": lambda text: "\n".join(line for line in text.splitlines() if "checksum" not in line),
    "format is a word": lambda text: text.replace('"format": 1', '"format": "one"'),
}


@pytest.mark.parametrize("name", MANIFEST_DAMAGES)
def test_a_damaged_manifest_is_refused(bench: Bench, name: str) -> None:
    snapshot = bench.keep()
    spoil_manifest(Path(snapshot.place), MANIFEST_DAMAGES[name])
    with pytest.raises(ManifestError) as caught:
        bench.store.restore(bench.volume, snapshot.id)
    assert caught.value.problems[0].ref == "snapshot.manifest-damaged"
    assert "snapshot.manifest-damaged" in bench.refs()
    assert bench.store.list() == ()
    with pytest.raises(ManifestError):
        bench.store.prune(KeepPolicy())


def test_a_newer_or_missing_manifest_is_said(bench: Bench) -> None:
    snapshot = bench.keep()
    spoil_manifest(Path(snapshot.place), lambda text: text.replace('"format": 1', '"format": 2'))
    with pytest.raises(ManifestError) as caught:
        bench.store.show(snapshot.id)
    assert caught.value.problems[0].ref == "snapshot.manifest-newer"
    (Path(snapshot.place) / "manifest.json").unlink()
    with pytest.raises(ManifestError) as caught:
        bench.store.show(snapshot.id)
    assert caught.value.problems[0].ref == "snapshot.manifest-missing"
    with pytest.raises(ManifestError) as caught:
        bench.store.show("../../etc")
    assert caught.value.problems[0].ref == "snapshot.unknown"


def test_the_check_names_everything_foreign(bench: Bench) -> None:
    snapshot = bench.keep()
    assert bench.refs() == set()
    state = bench.state.path
    (state / "stranger").write_bytes(b"")
    assert bench.refs() == {"snapshot.foreign-file"}
    (state / "stranger").unlink()
    (state / "objects" / "zz").mkdir()
    (state / "snapshots" / "stranger").mkdir()
    (Path(snapshot.place) / "extra").symlink_to("/etc")
    assert len(bench.store.check().problems) == 3
    (state / "objects" / "ee").mkdir(mode=0o700, exist_ok=True)
    (state / "objects" / "ee" / ("0" * 62)).write_bytes(b"wrong name")
    (state / "latest").write_text("nonsense")
    (Path(snapshot.place) / "restore.sh").write_text("rm -rf /")
    (Path(snapshot.place) / "manifest.json").chmod(0o666)
    found = bench.refs()
    wanted = {
        "snapshot.foreign-file",
        "snapshot.object-damaged",
        "snapshot.pointer-damaged",
        "snapshot.script-damaged",
        "snapshot.wrong-mode",
    }
    assert found == wanted
    assert all(find(ref) is not None for ref in found)


def test_repeated_snapshots_share_content(bench: Bench) -> None:
    bench.keep()
    count = len(names(bench.state.path / "objects"))
    second = bench.keep()
    assert len(names(bench.state.path / "objects")) == count
    assert bench.store.latest() == second.id
    assert [item.sequence for item in bench.store.list()] == [1, 2]
    assert [item.important for item in bench.store.list()] == [True, False]


def test_prune_keeps_what_must_be_kept(bench: Bench) -> None:
    made = []
    for number in range(6):
        (bench.root / "opt" / "tree" / "large").write_bytes(b"%d" % number * 1000)
        made.append(bench.keep().id)
    journal = bench.state.path / "run" / "journal.log"
    journal.write_text(f"damaged but it says {made[2]}")
    report = bench.store.prune(KeepPolicy(count=2))
    assert report.removed == (made[1], made[3])
    assert report.objects_removed == 2
    assert report.bytes_freed == 2000
    journal.unlink()
    report = bench.store.prune(KeepPolicy(count=0))
    assert report.kept == (made[0], made[5])
    assert bench.store.check().problems == ()
    assert bench.store.prune(KeepPolicy(count=0)).removed == ()
    for identifier in report.kept:
        assert bench.store.restore(bench.volume, identifier).proven


def test_prune_by_age_and_room(bench: Bench) -> None:
    made = [bench.keep().id for _ in range(3)]
    assert bench.store.prune(KeepPolicy(count=1, days=1)).removed == ()
    assert bench.store.prune(KeepPolicy(count=1, minimum_free=1)).removed == ()
    assert bench.store.prune(KeepPolicy(count=1)).removed == (made[1],)


def test_a_locked_file_is_refused_and_a_locked_folder_of_everybody_is_not(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = VolumeReader._entry
    names = sorted(entry.path for entry in bench.volume.walk("/opt") if entry.kind == "file")
    lock = {names[0], "/opt"}

    def locked(path: str, status: os.stat_result, link: str | None) -> Entry:
        # Linux shows no such flags; macOS gives « st_flags »
        return msgspec.structs.replace(honest(path, status, link), flags=0x2 | 0x8000 if path in lock else 0x100000)

    monkeypatch.setattr(VolumeReader, "_entry", staticmethod(locked))
    with pytest.raises(RefusedError) as caught:
        bench.keep((ScopeEntry(path=names[0], kind="file"), ScopeEntry(path="/opt", kind="shared")))
    assert caught.value.problems[0].ref == "snapshot.locked-file"
    assert caught.value.problems[0].evidence == {"paths": [names[0]]}
    lock = {"/opt"}
    bench.keep((ScopeEntry(path=names[0], kind="file"), ScopeEntry(path="/opt", kind="shared")))


def test_what_cannot_be_kept_is_refused(bench: Bench) -> None:
    os.mkfifo(bench.root / "opt" / "named")
    with pytest.raises(RefusedError) as caught:
        bench.keep((ScopeEntry(path="/opt/named", kind="file"),))
    assert caught.value.problems[0].ref == "snapshot.special-file"
    with pytest.raises(RefusedError) as caught:
        bench.keep((ScopeEntry(path="/Library", kind="tree"),))
    assert caught.value.problems[0].ref == "snapshot.scope-holds-state"
    (bench.root / "way").symlink_to("/etc")
    with pytest.raises(WorkstationError) as error:
        bench.keep((ScopeEntry(path="/way/passwd", kind="file"),))
    assert error.value.problems[0].ref == "volume.link-in-the-way"
    assert bench.store.latest() is None


def test_a_scope_that_does_not_hold_still_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = scope_module.list_scope
    count = 0

    def restless(*arguments: object, **named: object) -> dict[str, Entry | None]:
        nonlocal count
        count += 1
        (bench.root / "opt" / "tree" / "large").write_bytes(b"x" * count)
        return listing(*arguments, **named)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(store_module, "list_scope", restless)
    with pytest.raises(WorkstationError) as caught:
        bench.keep()
    assert caught.value.problems[0].ref == "snapshot.file-changed"
    assert bench.store.identifiers() == ()


def test_an_exported_snapshot_restores_without_the_store(bench: Bench, tmp_path: Path) -> None:
    snapshot = bench.keep()
    before = tree_of(bench.root)
    bench.store.export(snapshot.id, tmp_path / "copy")
    bench.store.export(snapshot.id, tmp_path / "copy.tar")
    with pytest.raises(RefusedError):
        bench.store.export(snapshot.id, tmp_path / "copy")
    with tarfile.open(tmp_path / "copy.tar") as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    shutil.rmtree(bench.state.path)
    for place in (tmp_path / "copy", tmp_path / "unpacked" / snapshot.id):
        spoil_all_gone(bench.root)
        script = place / "snapshots" / snapshot.id / "restore.sh"
        done = subprocess.run(["/bin/sh", str(script), str(bench.root)], capture_output=True, text=True, check=False)
        assert done.returncode in {0, 3}, done.stderr
        if done.returncode == 0:
            assert tree_of(bench.root) == before
    place = default_state_path(tmp_path)
    place.parent.mkdir(parents=True)
    (tmp_path / "copy").rename(place)
    with open_state(tmp_path) as state:
        assert SnapshotStore(state).check().problems == ()


def test_the_manifest_is_readable_by_anybody(bench: Bench) -> None:
    snapshot = bench.keep()
    plain = json.loads((Path(snapshot.place) / "manifest.json").read_text(encoding="ascii"))
    assert plain["format"] == 1
    states = {item["path"]: item for item in plain["paths"]}
    assert states["/private/etc/absent.ini"] == {"path": "/private/etc/absent.ini", "kind": "absent"}
    assert states["/opt/tree/secret"]["mode"] == 0o4511
    assert os.fsencode(json.loads(json.dumps("/opt/tree/latin-1 \udce9"))) == b"/opt/tree/latin-1 \xe9"
    assert "/opt/tree/latin-1 \udce9" in states


def test_the_script_goes_to_the_volume_on_which_it_lies(bench: Bench, tmp_path: Path) -> None:
    """Another disk mounted where this one was once got this one's files."""
    snapshot = bench.keep()
    before = tree_of(bench.root)
    moved = bench.root.rename(tmp_path / "moved here")
    stranger = bench.root
    (stranger / "private/etc").mkdir(parents=True)
    there = tree_of(stranger)
    spoil_all_gone(moved)
    script = moved / Path(snapshot.place).relative_to(bench.root) / "restore.sh"
    done = subprocess.run(["/bin/sh", str(script)], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode in {0, 3}, done.stderr
    assert tree_of(stranger) == there
    if done.returncode == 0:
        assert tree_of(moved) == before


@pytest.mark.parametrize("named", [True, False])
def test_the_script_of_a_snapshot_kept_elsewhere_asks_for_its_own_workstation(bench: Bench, tmp_path: Path, *, named: bool) -> None:
    other = tmp_path / "other"
    (other / "private/etc").mkdir(parents=True)
    shutil.rmtree(default_state_path(bench.root))
    with open_state(bench.root, tmp_path / "kept") as state:
        snapshot = SnapshotStore(state).create(bench.volume, SCOPE, label="x", run_id="x", reason="x")
    before = tree_of(bench.root)
    there = tree_of(other)
    arguments = [str(other)] if named else []
    done = run_script(snapshot, *arguments)
    assert done.returncode == 1
    assert ("another workstation" if named else "name the volume") in done.stderr
    assert tree_of(other) == there
    spoil_all_gone(bench.root)
    done = run_script(snapshot, str(bench.root))
    assert done.returncode in {0, 3}, done.stderr
    if done.returncode == 0:
        assert tree_of(bench.root) == before
