"""``manifest.json``: written for a technician to read (one path per line) and for a program to trust (a checksum over the whole text).

A name that is no valid UTF-8 is kept exactly, as JSON escapes of lone surrogates, the way Python names such bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import msgspec

from atsam_safe.snapshot.model import MANIFEST_FORMAT, Manifest, Snapshot
from atsam_safe.snapshot.scope import digest_of
from atsam_safe.volume.errors import is_refusal, printable
from atsam_safe.words.model import Problem, RefusedError, WorkstationError

if TYPE_CHECKING:
    from atsam_safe.snapshot.state import StateFolder

MANIFEST_LIMIT = 64 * 1024 * 1024
SNAPSHOT_ID = re.compile(r"[0-9]{6}-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4}\Z")
CHECKSUM_LINE = re.compile(rb'^"checksum": "([0-9a-f]{64})",$', re.MULTILINE)
BLANK = b"0" * 64
LISTS = ("scope", "ancestors", "paths")
# what comes before the lists is a few hundred bytes
HEAD_BYTES = 64 * 1024
HEAD_LINE = re.compile(rb'^"(run_id|reason)": ("(?:[^"\\\\]|\\\\.)*"),$', re.MULTILINE)
# the reason of a snapshot of what a recovery found: a state in between, never one to go back to by itself
FOUND = "recover"
# as the transaction names its runs (``transaction.run.new_run_id``); a snapshot that no run took carries anything else
RUN_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}\Z")


class ManifestError(RefusedError):
    """A manifest that cannot be used: missing, damaged, or of a newer format (exit 10; nothing was touched)."""


class ManifestUnreadableError(ManifestError):
    """The system would not let the manifest be read (``snapshot.manifest-unreadable``): nothing is known of it."""


def manifest_error(ref: str, snapshot: str, **params: str) -> ManifestError:
    """The refusal ``ref`` about one snapshot."""
    shown = printable(snapshot)
    return ManifestError(Problem(ref=ref, params={"snapshot": shown, **params}, evidence={"snapshot": shown, **params}))


def snapshot_folder(identifier: str) -> str:
    """The snapshot's folder inside the state folder."""
    return f"/snapshots/{identifier}"


def render(manifest: Manifest) -> bytes:
    """The text of ``manifest.json``."""
    plain: dict[str, Any] = msgspec.to_builtins(manifest)
    lines = ["{", f'"checksum": "{BLANK.decode()}",']
    lines.extend(f"{json.dumps(key)}: {json.dumps(value)}," for key, value in plain.items() if key not in LISTS)
    for name in LISTS:
        rows = ",\n".join("  " + json.dumps(item) for item in plain[name])
        lines.append(f'"{name}": [\n{rows}\n]' + ("," if name != LISTS[-1] else ""))
    lines.append("}\n")
    text = "\n".join(lines).encode("ascii")
    return text.replace(BLANK, hashlib.sha256(text).hexdigest().encode(), 1)


def parse(text: bytes, identifier: str) -> Manifest:
    """The manifest in ``text``. Raises ``snapshot.manifest-newer`` or ``snapshot.manifest-damaged``."""
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise manifest_error("snapshot.manifest-damaged", identifier) from error
    if not isinstance(plain, dict):
        raise manifest_error("snapshot.manifest-damaged", identifier)
    number = plain.get("format")
    if isinstance(number, int) and number > MANIFEST_FORMAT:
        raise manifest_error("snapshot.manifest-newer", identifier, format=str(number), known=str(MANIFEST_FORMAT))
    match = CHECKSUM_LINE.search(text)
    if match is None or hashlib.sha256(text.replace(match[1], BLANK, 1)).hexdigest().encode() != match[1]:
        raise manifest_error("snapshot.manifest-damaged", identifier)
    plain.pop("checksum", None)
    try:
        manifest = msgspec.convert(plain, Manifest)
    except (msgspec.ValidationError, UnicodeError) as error:
        raise manifest_error("snapshot.manifest-damaged", identifier) from error
    if manifest.id != identifier or manifest.sequence != int(identifier[:6]) or digest_of(manifest.paths) != manifest.digest:
        raise manifest_error("snapshot.manifest-damaged", identifier)
    return manifest


def load(state: StateFolder, identifier: str) -> Manifest:
    """Read and verify one manifest. Raises ``ManifestError`` (``snapshot.unknown`` when there is no such snapshot).

    ``ManifestUnreadableError`` when the system would not let it be read: only damage is damage.
    """
    if SNAPSHOT_ID.match(identifier) is None:
        raise manifest_error("snapshot.unknown", identifier)
    folder = snapshot_folder(identifier)
    try:
        if state.files.lstat(folder) is None:
            raise manifest_error("snapshot.unknown", identifier)
        if state.files.lstat(f"{folder}/manifest.json") is None:
            raise manifest_error("snapshot.manifest-missing", identifier)
        text = state.files.read_bytes(f"{folder}/manifest.json", MANIFEST_LIMIT)
    except WorkstationError as error:
        if is_refusal(error):
            shown = {"snapshot": printable(identifier)}
            unreadable = Problem(ref="snapshot.manifest-unreadable", params=shown, evidence=dict(shown))
            raise ManifestUnreadableError(unreadable, *error.problems) from error
        raise manifest_error("snapshot.manifest-damaged", identifier) from error
    return parse(text, identifier)


def origin(state: StateFolder, identifier: str) -> tuple[str, str] | None:
    """Run and reason of one snapshot, read off the first lines alone: a hint, quick and not verified. ``None``: they do not say."""
    try:
        with state.files.open_read(f"{snapshot_folder(identifier)}/manifest.json") as stream:
            head = stream.read(HEAD_BYTES)
        found = {name: json.loads(value) for name, value in HEAD_LINE.findall(head)}
    except (OSError, ValueError, WorkstationError):
        return None
    run, reason = found.get(b"run_id"), found.get(b"reason")
    return (run, reason) if isinstance(run, str) and isinstance(reason, str) else None


def summary(state: StateFolder, manifest: Manifest) -> Snapshot:
    """The snapshot as it is listed."""
    return Snapshot(
        id=manifest.id,
        sequence=manifest.sequence,
        label=manifest.label,
        reason=manifest.reason,
        run_id=manifest.run_id,
        created_at=manifest.created_at,
        digest=manifest.digest,
        files=manifest.files,
        bytes=manifest.bytes,
        important=manifest.important,
        place=str(state.path / "snapshots" / manifest.id),
    )
