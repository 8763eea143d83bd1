"""Power cuts: no crash state loses anything, and each barrier of the product is needed: without it one of them is red."""

from __future__ import annotations

import os
import random
import subprocess
from typing import TYPE_CHECKING, cast

import pytest

from atsam_safe.cards.identity import load_key
from atsam_safe.snapshot import SnapshotStore, open_state
from atsam_safe.volume import primitives
from faults.barrier_sites import sites
from faults.blackouts import ELSEWHERE, HARMLESS, STORIES, Recorded, first_red, losses, record, survey
from faults.child import STRACE
from faults.fingerprint import STATE_FOLDER, fingerprint
from faults.named_last import NameWatch
from faults.power import Recorder, crash, materialise
from lab.heart import lay_out
from lab.heart_runs import install

if TYPE_CHECKING:
    from pathlib import Path

SEED = 20261123
STATES_EACH = 30
NEW_SYNCS = """
import os
from atsam_safe.volume.primitives import sync_file

class Kept:
    @decorated
    def write(self, files):
        files.write_file_durably("/a", b"", METADATA)
        def later():
            files.barrier()
        return later

def passed_on(files, fd):
    for_each(files.sync_directory, ["/a"])
    (files
        .sync_directory("/b"))

sync_file(3)
os.close(3)
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> list[Recorded]:
    folder = tmp_path_factory.mktemp("recorded")
    return [record(story, folder) for story in STORIES]


def test_the_recorder_sees_every_primitive() -> None:
    """A new primitive that the recorder does not know would be a hole in every crash state."""
    assert all(hasattr(Recorder, f"_{name}") for name in primitives.CHANGING)


@pytest.mark.parametrize("number", range(len(STORIES)), ids=[story.name for story in STORIES])
def test_the_model_is_the_disk(recorded: list[Recorded], number: int, tmp_path: Path) -> None:
    """With everything kept, the modelled disk is the real one, byte for byte: the recorder misses nothing."""
    item = recorded[number]
    nodes = crash(item.recording, len(item.recording.events), "ordered", "keep", 0)
    materialise(nodes, item.recording.root, tmp_path / "disk")
    found = fingerprint(tmp_path / "disk")
    assert {path: entry[:4] + entry[5:] for path, entry in found.items()} == {
        path: entry[:4] + entry[5:] for path, entry in item.final.items()
    }


@pytest.mark.parametrize("number", range(len(STORIES)), ids=[story.name for story in STORIES])
def test_a_power_cut_at_any_moment_loses_nothing(recorded: list[Recorded], number: int, tmp_path: Path) -> None:
    chosen = list(losses(recorded[number], stride=1))
    random.Random(SEED + number).shuffle(chosen)  # noqa: S311 - reproducible
    wrong = survey(recorded[number], chosen[:STATES_EACH], tmp_path)
    assert wrong == [], f"seed {SEED}"


def test_every_sync_in_the_source_is_met_by_a_story_or_excused(recorded: list[Recorded]) -> None:
    """What no story comes to could be taken away, and no crash state would show it."""
    written = sites()
    met = {site.partition(" ")[0] for item in recorded for site in item.recording.sites}
    assert written - met - ELSEWHERE.keys() == set(), "syncs that nobody has thought of: give them a story, or say why they need none"
    assert met <= written, "the recorder met a sync that reading the source did not find"
    assert not ELSEWHERE.keys() & met, "excused, and met all the same"
    assert ELSEWHERE.keys() <= written, "excused, and gone"


def test_a_new_sync_is_found_however_it_is_written(tmp_path: Path) -> None:
    """Called, called in a function within a function, under a decorator, passed on, under its own name."""
    (tmp_path / "room").mkdir()
    (tmp_path / "room/module.py").write_text(NEW_SYNCS)
    assert sites(tmp_path) == {
        "room/module.Kept.write+2",
        "room/module.Kept.write.<locals>.later+1",
        "room/module.passed_on+1",
        "room/module.passed_on+3",
        "room/module.<module>+17",
    }


@pytest.mark.parametrize("synced", [True, False], ids=["as it is", "sync taken away"])
def test_the_key_of_a_workstation_has_its_name_after_its_content(tmp_path: Path, *, synced: bool) -> None:
    """A power cut that left the name and zeros would leave a key that everybody can guess."""
    with NameWatch(synced=synced) as watch:
        key = load_key(tmp_path)
    assert load_key(tmp_path).name == key.name
    assert watch.named
    assert (watch.too_early == []) is synced


@pytest.mark.parametrize("synced", [True, False], ids=["as it is", "syncs taken away"])
@pytest.mark.parametrize("name", ["copy", "copy.tar"])
def test_an_export_has_its_name_after_all_that_is_in_it_and_keeps_it(tmp_path: Path, name: str, *, synced: bool) -> None:
    """Told as done, a copy must still be there after a power cut: every file, every folder, and its own name."""
    root, place = tmp_path / "root", tmp_path / "place"
    for folder in (root, place):
        folder.mkdir()
    lay_out(root)
    install(root)
    with open_state(root) as state:
        store = SnapshotStore(state)
        with NameWatch(synced=synced) as watch:
            store.export(store.identifiers()[0], place / name)
    assert watch.named == [name]
    assert (watch.too_early == []) is synced
    assert (name in cast("list[str]", watch.kept(place) or [])) is synced


@pytest.mark.repeated
def test_every_barrier_is_needed(recorded: list[Recorded], tmp_path: Path) -> None:
    """Take each sync of the product away, one at a time: some crash state must turn red, or the sync (or this test) is worth nothing."""
    sites = {site for item in recorded for site in item.recording.sites}
    assert len(sites) >= 16
    assert sites >= HARMLESS.keys()
    unnoticed = []
    for site in sorted(sites - HARMLESS.keys()):
        (tmp_path / "disks").mkdir(exist_ok=True)
        found = (first_red(item, site, tmp_path / "disks", SEED) for item in recorded if site in item.recording.sites)
        if not any(found):
            unnoticed.append(site)
    assert unnoticed == []


@pytest.mark.needs("strace")
def test_the_script_waits_for_the_disk_before_it_says_that_all_is_well(tmp_path: Path) -> None:
    """``restore.sh`` alone has no journal: what it says is all that anybody will know."""
    root, trace = tmp_path / "volume", tmp_path / "trace"
    root.mkdir()
    lay_out(root)
    install(root)
    script = max((root / STATE_FOLDER / "snapshots").iterdir()) / "restore.sh"
    watched = [STRACE, "-f", "-qq", "-s", "200", "-e", "trace=rename,renameat,renameat2,utimensat,sync,write", "-o", str(trace)]
    subprocess.run([*watched, "/bin/sh", str(script), str(root)], check=True, capture_output=True, env={**os.environ, "LC_ALL": "C"})
    lines = trace.read_text().splitlines()
    changes, synced, told = (
        [place for place, line in enumerate(lines) if any(what in line for what in seen)]
        for seen in (("rename", "utimensat("), (" sync(",), ("state of the snapshot",))
    )
    assert changes
    assert changes[-1] < synced[-1] < told[-1]
