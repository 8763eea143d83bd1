"""Lists of files of a snapshot, made by hand: for the scripts that are rendered from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.snapshot.model import Manifest, PathState

if TYPE_CHECKING:
    from atsam_safe.plan.model import ScopeEntry


def manifest(*paths: PathState, scope: tuple[ScopeEntry, ...] = (), ancestors: tuple[PathState, ...] = ()) -> Manifest:
    """A snapshot's list of these paths, as the writers of scripts are given it."""
    return Manifest(
        format=1,
        id="000001-20261126T000000Z-abcd",
        sequence=1,
        label="",
        reason="before-run",
        run_id="",
        created_at="2026-11-26T00:00:00+00:00",
        created_seconds=0,
        program="0",
        made_for="C:\\",
        important=True,
        digest="0" * 64,
        files=len(paths),
        bytes=0,
        script_sha256="",
        scope=scope,
        ancestors=ancestors,
        paths=paths,
    )
