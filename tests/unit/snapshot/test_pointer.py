"""The note of the last snapshot: gone, or nonsense, it keeps nobody from going back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.kept_volume import Bench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    (tmp_path / "root").mkdir()
    made = Bench(tmp_path / "root")
    yield made
    made.state.close()
    made.volume.close()


def test_a_pointer_that_is_gone_proves_that_no_step_began_before_the_very_first_snapshot_only(bench: Bench) -> None:
    """Where an earlier run had its snapshot it had a pointer, too: that it is gone says nothing of the run that was cut off."""
    pointer = bench.state.path / "latest"
    bench.keep()
    assert not bench.store.untouched()
    pointer.unlink()
    assert bench.store.untouched()
    bench.keep()
    pointer.unlink()
    assert not bench.store.untouched()


@pytest.mark.parametrize("content", [b"junk\n", b"", b"\x00" * 64, b"../../etc\n", "a folder", "gone"])
def test_a_pointer_of_nonsense_or_none_is_told_and_written_anew(bench: Bench, content: bytes | str) -> None:
    """It was once a dead end: nothing worked any more, not even the way back that was advised. Without it, no snapshot was said to be."""
    bench.keep()
    last = bench.keep()
    pointer = bench.state.path / "latest"
    pointer.unlink()
    if content == "a folder":
        pointer.mkdir()
    elif isinstance(content, bytes):
        pointer.write_bytes(content)
    assert [problem.ref for problem in bench.store.check().problems][-1:] == ["snapshot.pointer-damaged"]
    assert bench.store.latest() == last.id
    assert bench.store.restore(bench.volume, last.id).proven
    bench.store.clear_leftovers()
    assert pointer.read_text() == f"{last.id}\n"
    assert bench.store.check().problems == ()
