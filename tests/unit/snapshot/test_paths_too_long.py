"""A path that no shell can name is refused before anything is touched: ``restore.sh`` had stopped at it with half of the state back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from atsam_safe.snapshot import SnapshotStore, open_state
from atsam_safe.snapshot.keeping import LONGEST_PATH, obstacles
from atsam_safe.transaction import run_transaction
from atsam_safe.volume import Volume
from atsam_safe.words.model import RefusedError
from lab.heart import FOLDER, NoPackages, PlainWorkstation
from lab.heart_runs import PLAN, digest, prepared

if TYPE_CHECKING:
    from pathlib import Path

NAME = "d" * 100


def chain(folder: Path, wanted: int) -> None:
    """Folders below ``folder``, made one in the other, until the innermost path has more than ``wanted`` bytes below the volume."""
    length = len(FOLDER)
    fd = os.open(folder, os.O_RDONLY)
    while length <= wanted:
        os.mkdir(NAME, dir_fd=fd)
        inner = os.open(NAME, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
        length += len(NAME) + 1
    os.close(fd)


@pytest.mark.parametrize("wanted", [LONGEST_PATH, 5000])
def test_a_path_that_no_shell_can_name_is_refused_with_nothing_touched(tmp_path: Path, wanted: int) -> None:
    root, _ = prepared(tmp_path)
    chain(root / FOLDER[1:], wanted)
    before = digest(root)
    with Volume(root) as volume:
        assert [problem.ref for problem in obstacles(volume, PLAN.scope)] == ["volume.unusable-path"]
    with open_state(root) as state:
        with pytest.raises(RefusedError) as caught:
            run_transaction(PLAN, workstation=PlainWorkstation(root), packages=NoPackages(), state=state)
        assert [problem.ref for problem in caught.value.problems] == ["volume.unusable-path"]
        assert SnapshotStore(state).identifiers() == ()
    assert digest(root) == before


def test_a_path_that_a_shell_can_name_is_kept(tmp_path: Path) -> None:
    root, _ = prepared(tmp_path)
    chain(root / FOLDER[1:], LONGEST_PATH - 2 * len(NAME))
    with Volume(root) as volume:
        assert obstacles(volume, PLAN.scope) == ()
