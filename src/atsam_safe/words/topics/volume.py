"""References about files and disks: what the operating system refuses, in words."""

from __future__ import annotations

from typing import Final

from atsam_safe.words.reference import N_, Reference

REFERENCES: Final = (
    Reference(
        ref="volume.no-space",
        what=N_("There is no room left on the disk (at {path})."),
        why=N_("A file could not be written whole. What was under way is undone."),
        next=N_("Empty the Trash or move large files elsewhere, then start again."),
        exit_code=20,
    ),
    Reference(
        ref="volume.io-error",
        what=N_("The disk reports a fault at {path} ({error})."),
        why=N_("A disk that fails to read or write may be wearing out."),
        next=N_("Back up the workstation\u2019s data, have the disk checked, then start again."),
        exit_code=20,
    ),
    Reference(
        ref="volume.not-permitted",
        what=N_("The system does not allow {path} to be read or changed."),
        why=N_("The path is protected, or the rights of this user are not enough."),
        next=N_(
            "Start again as an administrator (“sudo”, on Windows “Run as administrator”). "
            "On macOS, see if it is locked (“ls -lO”), or allow the terminal “Full Disk Access” (for applications “App Management”)."
        ),
        exit_code=20,
    ),
    Reference(
        ref="volume.link-in-the-way",
        what=N_("A link lies on the way to {path}."),
        why=N_("A link could lead to files of other software. It is never followed."),
        next=N_("Find out who put the link there; remove it or move the real folder back, then start again."),
        exit_code=20,
    ),
    Reference(
        ref="volume.link-in-the-way.named",
        what=N_("Links lie on the way to what would be changed (paths behind them: {count}, first {path}): {links}."),
        why=N_("A link could lead to files of other software. It is never followed."),
        next=N_("Find out who put the link there; remove it or move the real folder back, then start again."),
        exit_code=20,
    ),
    Reference(
        ref="volume.missing",
        what=N_("{path} is missing."),
        why=N_("It was needed at this moment and is not there, or no longer."),
        next=N_("Close other software that may be removing files, then start again."),
        exit_code=20,
    ),
    Reference(
        ref="volume.not-a-folder",
        what=N_("{path} is not a folder."),
        why=N_("A folder is expected there; something else took its place."),
        next=N_("Have what lies there checked before starting again."),
        exit_code=20,
    ),
    Reference(
        ref="volume.not-a-folder.needed",
        what=N_("Something else lies where folders are needed (number: {count}): {paths}."),
        why=N_("What belongs into such a folder could not be put in place. It is told now, while the old files are still there."),
        next=N_("Find out who put it there; give it another name or move it elsewhere, then start again."),
        exit_code=20,
    ),
    Reference(
        ref="volume.not-a-file",
        what=N_("{path} is not an ordinary file."),
        why=N_("A file is expected there; a folder, device or channel is never opened or removed in its place."),
        next=N_("Have what lies there checked before starting again."),
        exit_code=20,
    ),
    Reference(
        ref="volume.shared-file",
        what=N_("The file {path} has other names as well, or was exchanged while the program was working."),
        why=N_("Rights that are set through one name hold for all of them: a file of the system could be opened to everybody."),
        next=N_("Find out who put that file there; remove it if nobody needs it, then start again."),
        exit_code=20,
    ),
    Reference(
        ref="volume.folder-not-empty",
        what=N_("The folder {path} is not empty."),
        why=N_("It holds files that are not ours; they are left alone."),
        next=N_("Check what it holds; move it elsewhere if nobody needs it there."),
        exit_code=20,
    ),
    Reference(
        ref="volume.already-there",
        what=N_("{path} exists already."),
        why=N_("Something appeared there while the program was working."),
        next=N_("Close other installers and start again."),
        exit_code=20,
    ),
    Reference(
        ref="volume.unusable-path",
        what=N_("“{path}” cannot be used as a path."),
        why=N_("It is too long, too deep, not absolute, or tries to climb out of its folder."),
        next=N_(
            "If it comes from a package, do not install that package. If it is on the disk, move it away or shorten its folders’ names."
        ),
        exit_code=20,
    ),
    Reference(
        ref="volume.too-large",
        what=N_("{path} is larger than the {limit} bytes expected at most."),
        why=N_("Such a file is never read into memory; it is not what it should be."),
        next=N_("Have the file checked."),
        exit_code=20,
    ),
    Reference(
        ref="volume.too-many-entries",
        what=N_("{path} holds too many files to be handled safely."),
        why=N_("The components never hold that many; something else lives in this folder."),
        next=N_("Have the folder checked."),
        exit_code=20,
    ),
    Reference(
        ref="volume.too-many-open",
        what=N_("The system cannot open any more files (at {path})."),
        why=N_("Too many programs or files are open at the same time."),
        next=N_("Close other software or restart the computer, then start again."),
        exit_code=20,
    ),
    Reference(
        ref="volume.other-file-system",
        what=N_("Another disk is mounted at {path}."),
        why=N_("Nothing is ever removed from another disk."),
        next=N_("Eject that disk, then start again."),
        exit_code=20,
    ),
)
