"""``restore.sh`` and extended attributes: what the snapshot does not know goes, what it knows is there, capabilities included."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from typing import TYPE_CHECKING

import pytest

from atsam_safe.plan.model import ScopeEntry
from atsam_safe.snapshot import SnapshotStore, open_state
from atsam_safe.volume import Volume

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.needs("setfattr", "extended attributes")
SCOPE = (ScopeEntry(path="/opt", kind="directory"), ScopeEntry(path="/opt/tree", kind="tree"))
# CAP_NET_BIND_SERVICE, as setcap writes it
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")


ACCESS = "system.posix_acl_access"


def access_list(user: int) -> bytes:
    """What ``setfacl -m u:USER:rwx`` writes: tag, rights and number of each entry."""
    nobody = 0xFFFFFFFF
    entries = ((0x01, 6, nobody), (0x02, 7, user), (0x04, 4, nobody), (0x10, 7, nobody), (0x20, 4, nobody))
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def attributes(path: Path) -> dict[str, bytes]:
    return {name: os.getxattr(path, name) for name in os.listxattr(path)}


def restored(root: Path, script: Path) -> tuple[int, str]:
    done = subprocess.run(["/bin/sh", str(script), str(root)], capture_output=True, text=True, check=False, cwd="/")
    return done.returncode, done.stderr


def kept(root: Path) -> Path:
    with Volume(root) as volume, open_state(root) as state:
        snapshot = SnapshotStore(state).create(volume, SCOPE, label="", run_id="", reason="")
        return state.path / "snapshots" / snapshot.id / "restore.sh"


def test_what_was_put_on_a_folder_since_goes_and_what_it_had_comes_back(tmp_path: Path) -> None:
    tree = tmp_path / "opt/tree"
    tree.mkdir(parents=True)
    (tree / "program").write_bytes(b"content")
    os.setxattr(tree, "user.its own", b"before")
    os.setxattr(tree, "user.other", b"\n'\0")
    script = kept(tmp_path)
    before = [attributes(path) for path in (tree.parent, tree, tree / "program")]
    os.setxattr(tree, "user.its own", b"after")
    os.removexattr(tree, "user.other")
    for path in (tree.parent, tree, tree / "program"):
        os.setxattr(path, "user.added", b"by the run")
        os.setxattr(path, "user.added with $(a) 'quote", b"by the run")
    assert restored(tmp_path, script) == (0, "")
    assert [attributes(path) for path in (tree.parent, tree, tree / "program")] == before


@pytest.mark.needs("root")
def test_the_capabilities_of_a_program_survive_the_change_of_its_owner(tmp_path: Path) -> None:
    program = tmp_path / "opt/tree/program"
    program.parent.mkdir(parents=True)
    program.write_bytes(b"content")
    program.chmod(0o4755)
    os.chown(program, 1000, 1000)
    program.chmod(0o4755)
    os.setxattr(program, "security.capability", CAPABILITY)
    script = kept(tmp_path)
    program.unlink()
    assert restored(tmp_path, script) == (0, "")
    assert attributes(program) == {"security.capability": CAPABILITY}
    assert (program.stat().st_uid, program.stat().st_mode & 0o7777) == (1000, 0o4755)


@pytest.mark.needs("root")
def test_a_folder_made_anew_has_none_of_the_bits_that_it_inherits(tmp_path: Path) -> None:
    """GNU chmod leaves the set-group-ID bit of a folder for « 0755 », and the script had said that all was as before."""
    above = tmp_path / "opt"
    above.mkdir()
    os.chown(above, -1, 50)
    above.chmod(0o2775)
    inner = above / "tree/inner"
    inner.mkdir(parents=True)
    (above / "tree").chmod(0o755)
    inner.chmod(0o755)
    script = kept(tmp_path)
    shutil.rmtree(above / "tree")
    assert restored(tmp_path, script) == (0, "")
    assert [path.stat().st_mode & 0o7777 for path in (above, above / "tree", inner)] == [0o2775, 0o755, 0o755]


def test_a_file_made_anew_takes_nothing_over_from_the_access_list_of_its_folder(tmp_path: Path) -> None:
    """Somebody whom the folder names could read what he could not before, and the script had said that all was as before."""
    tree = tmp_path / "opt/tree"
    tree.mkdir(parents=True)
    (tree / "program").write_bytes(b"content")
    (tree / "shown").write_bytes(b"content")
    os.setxattr(tree / "shown", ACCESS, access_list(12346))
    os.setxattr(tree, "system.posix_acl_default", access_list(12345))
    script = kept(tmp_path)
    before = [attributes(path) for path in (tree, tree / "program", tree / "shown")]
    for path in (tree / "program", tree / "shown"):
        path.unlink()
    assert restored(tmp_path, script) == (0, "")
    assert [attributes(path) for path in (tree, tree / "program", tree / "shown")] == before
    assert ACCESS not in attributes(tree / "program")
