"""Errors of the operating system in words of ours, and names that cannot do anything to a terminal."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from atsam_safe.volume import Volume, primitives
from atsam_safe.volume.errors import REFERENCES, failure, is_ref, printable, problem_of, refused
from atsam_safe.words.model import Problem, RefusedError, WorkstationError
from atsam_safe.words.registry import find

if TYPE_CHECKING:
    from pathlib import Path

TOLD = {
    "ENOSPC": "volume.no-space",
    "EDQUOT": "volume.no-space",
    "EFBIG": "volume.no-space",
    "EROFS": "volume.read-only",
    "EIO": "volume.io-error",
    "EPERM": "volume.not-permitted",
    "EACCES": "volume.not-permitted",
    "ELOOP": "volume.link-in-the-way",
    "ENOENT": "volume.missing",
    "ENOTDIR": "volume.not-a-folder",
    "EISDIR": "volume.not-a-file",
    "ENOTEMPTY": "volume.folder-not-empty",
    "EEXIST": "volume.already-there",
    "ENAMETOOLONG": "volume.unusable-path",
    "EMFILE": "volume.too-many-open",
    "ENFILE": "volume.too-many-open",
    "EBUSY": "volume.io-error",
}


@pytest.mark.parametrize("name", TOLD)
def test_each_error_has_its_reference_and_keeps_its_name(name: str) -> None:
    number = getattr(errno, name)
    error = failure(OSError(number, os.strerror(number)), "/a/b")
    assert isinstance(error, WorkstationError)
    problem = error.problems[0]
    assert problem.ref == TOLD[name]
    assert problem.params == {"path": "/a/b", "error": name}
    assert problem.evidence == {"path": "/a/b", "errno": name}
    assert is_ref(error, TOLD[name])
    assert not is_ref(error, "volume.other")
    assert find(problem.ref) is not None


def test_every_number_that_is_told_apart_is_tested() -> None:
    assert {errno.errorcode[number] for number in REFERENCES} <= set(TOLD)


def test_an_error_without_a_number_is_one_of_the_disk() -> None:
    assert problem_of(OSError("odd"), "/a").params["error"] == "unknown"
    assert problem_of(OSError("odd"), "/a").ref == "volume.io-error"


@pytest.mark.parametrize(
    ("number", "ref"), [(31, "volume.not-permitted"), (32, "volume.in-use"), (33, "volume.in-use"), (34, "volume.not-permitted")]
)
def test_a_file_that_another_program_of_windows_holds_is_said_to_be_in_use(number: int, ref: str) -> None:
    error = PermissionError(errno.EACCES, "held")
    error.winerror = number  # type: ignore[attr-defined, unused-ignore]  # Windows alone has it
    assert problem_of(error, "C:/a").ref == ref


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("/plain name", "/plain name"),
        ("/été", "/été"),
        ("/two\nlines", "/two\\nlines"),
        ("/\x1b[2Jcleared", "/\\x1b[2Jcleared"),
        ("/\udcff", "/\\xff"),
        ("/right\u202eleft", "/right\\u202eleft"),
        ("", ""),
    ],
)
def test_no_name_can_do_anything_to_a_terminal(name: str, shown: str) -> None:
    assert printable(name) == shown
    assert problem_of(OSError(errno.EIO, ""), name).params["path"] == shown
    assert problem_of(OSError(errno.EIO, ""), name).evidence["path"] == shown


def test_a_rule_of_ours_says_its_parameters() -> None:
    error = refused("volume.link-in-the-way", "/a\n", reason="why")
    assert not isinstance(error, RefusedError)
    assert error.problems[0].ref == "volume.link-in-the-way"
    assert error.problems[0].params == {"path": "/a\\n", "reason": "why"}
    assert error.problems[0].evidence == {"path": "/a\\n"}


def test_the_first_of_several_problems_is_the_one_that_decides() -> None:
    error = WorkstationError(Problem(ref="volume.missing"), Problem(ref="volume.io-error"))
    assert is_ref(error, "volume.missing")
    assert not is_ref(error, "volume.io-error")


@pytest.mark.parametrize("name", ["EIO", "EACCES", "ENOMEM"])
def test_a_root_that_cannot_be_asked_any_more_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The root is open already: asking it fails on a disk that went away, or where the system withdrew a right."""
    number = getattr(errno, name)

    def fail(_fd: int) -> os.stat_result:
        raise OSError(number, os.strerror(number))

    with Volume(tmp_path) as volume:
        monkeypatch.setattr(primitives, "fstat", fail)
        with pytest.raises(WorkstationError) as caught:
            volume.lstat("/")
        monkeypatch.undo()
    assert caught.value.problems[0].params["path"] == "/"


def test_a_name_is_shown_without_loading_anything() -> None:
    """A system that had no memory to look at a file had none to load the codec that was to show its name: an internal error."""
    code = "from atsam_safe.volume.errors import printable; import sys; before = set(sys.modules); print(printable('a\\n\\u2028b')); "
    code += "print(sorted(sys.modules.keys() - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "a\\n\\u2028b\n[]\n"
