"""Operating-system errors as problems with a reference: what a person can act on, never a number alone."""

from __future__ import annotations

import errno
import os

from atsam_safe.words.model import AtsamSafeError, Problem, WorkstationError

# Windows: another program has the file, or a part of it
IN_USE = frozenset({32, 33})
REFERENCES: dict[int, str] = {
    errno.ENOSPC: "volume.no-space",
    errno.EDQUOT: "volume.no-space",
    errno.EFBIG: "volume.no-space",
    errno.EROFS: "volume.read-only",
    errno.EIO: "volume.io-error",
    errno.EPERM: "volume.not-permitted",
    errno.EACCES: "volume.not-permitted",
    errno.ELOOP: "volume.link-in-the-way",
    errno.ENOENT: "volume.missing",
    errno.ENOTDIR: "volume.not-a-folder",
    errno.EISDIR: "volume.not-a-file",
    errno.ENOTEMPTY: "volume.folder-not-empty",
    errno.EEXIST: "volume.already-there",
    errno.ENAMETOOLONG: "volume.unusable-path",
    errno.EMFILE: "volume.too-many-open",
    errno.ENFILE: "volume.too-many-open",
}


# what the system refuses now and may allow later: it says nothing of what lies there
REFUSALS = frozenset({"volume.io-error", "volume.not-permitted", "volume.too-many-open", "volume.in-use"})


MACHINE = frozenset({errno.EMFILE, errno.ENFILE, errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS})


def printable(path: str) -> str:
    """``path`` with every byte or control character that cannot be printed safely escaped (names are data, never commands)."""
    if path.isascii() and path.isprintable():
        return path  # nearly every one: absent paths are asked for by the thousand
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    # no codec by its name: it would be loaded now, from a system that is just refusing
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def problem_of(error: OSError, path: str) -> Problem:
    """The problem that stands for ``error`` at ``path``."""
    number = error.errno or 0
    name = errno.errorcode.get(number, "unknown")
    in_use = getattr(error, "winerror", None) in IN_USE
    return Problem(
        ref="volume.in-use" if in_use else REFERENCES.get(number, "volume.io-error"),
        params={"path": printable(path), "error": name},
        evidence={"path": printable(path), "errno": name},
    )


def unavailable_problem(error: BaseException) -> Problem | None:
    """The problem for an error that is the machine's and nobody's fault here: it lets nothing be opened, read or loaded; else ``None``."""
    if isinstance(error, OSError) and error.errno in MACHINE:
        return problem_of(error, os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else "-")
    if isinstance(error, ImportError):
        module = printable(error.name or "?")
        return Problem(ref="program.part-missing", params={"module": module}, evidence={"module": module})
    return None


def failure(error: OSError, path: str) -> WorkstationError:
    """A ``WorkstationError`` for ``error`` at ``path``."""
    return WorkstationError(problem_of(error, path))


def refused(ref: str, path: str, **params: str) -> WorkstationError:
    """A ``WorkstationError`` with ``ref`` for a rule of ours that ``path`` breaks."""
    return WorkstationError(Problem(ref=ref, params={"path": printable(path), **params}, evidence={"path": printable(path)}))


def is_refusal(error: AtsamSafeError) -> bool:
    """True when the system would not let anybody look: nothing is known of what lies there, least of all that it is damaged."""
    return error.problems[0].ref in REFUSALS


def is_ref(error: AtsamSafeError, ref: str) -> bool:
    """True when the decisive problem of ``error`` is ``ref``."""
    return error.problems[0].ref == ref
