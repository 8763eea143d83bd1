"""References about snapshots: taking, keeping, checking and bringing back."""

from __future__ import annotations

from typing import Final

from atsam_safe.words.reference import N_, Reference

REFERENCES: Final = (
    Reference(
        ref="snapshot.file-changed",
        what=N_("{path} changes while it is being kept."),
        why=N_("A snapshot must be of one instant; this one would not be."),
        next=N_("Close the software that uses the components, then start again."),
    ),
    Reference(
        ref="snapshot.state-changed",
        what=N_("The components\u2019 files changed between the snapshot {snapshot} and the first change."),
        why=N_("Something else is changing them at this moment. Nothing was touched."),
        next=N_("Close other installers and the software that uses the components, then start again."),
    ),
    Reference(
        ref="snapshot.special-file",
        what=N_("{path} is a device or a channel, not a file."),
        why=N_("It cannot be kept, so it could not be brought back. Nothing was touched."),
        next=N_("Have it checked and removed, then start again."),
    ),
    Reference(
        ref="snapshot.locked-file",
        what=N_("{path} is locked, so that not even the administrator can change it (files in this case: {count})."),
        why=N_("Somebody locked it; it could be neither replaced nor brought back. Nothing was touched."),
        next=N_("Ask whoever locked it. To unlock it: “sudo chflags nouchg,noschg PATH”, then start again; lock it again afterwards."),
    ),
    Reference(
        ref="snapshot.too-many-files",
        what=N_("There are too many files in the components’ folders to keep them (files: {count})."),
        why=N_(
            "The list of a snapshot has a limit; a longer one could not be read again, and there would be no way back. Nothing was touched."
        ),
        next=N_("Find out what fills these folders and move it elsewhere, then start again."),
    ),
    Reference(
        ref="snapshot.other-file-system",
        what=N_("Another disk is mounted inside the components\u2019 folders, at {path}."),
        why=N_("What lies on another disk is neither kept nor changed. Nothing was touched."),
        next=N_("Eject that disk, then start again."),
    ),
    Reference(
        ref="snapshot.scope-holds-state",
        what=N_("The folder of snapshots lies inside {path}, which is to be kept."),
        why=N_("A snapshot cannot hold itself."),
        next=N_("Choose another folder with “--state-dir”."),
    ),
    Reference(
        ref="snapshot.none",
        what=N_("There is no snapshot yet."),
        why=N_("Nothing was ever changed by this program on this workstation."),
        next=N_("Nothing to do."),
    ),
    Reference(
        ref="snapshot.unknown",
        what=N_("There is no snapshot named “{snapshot}”."),
        why=N_("Only a snapshot of this workstation can be brought back."),
        next=N_("Run “atsam-safe snapshots list” to see them."),
    ),
    Reference(
        ref="snapshot.manifest-missing",
        what=N_("The snapshot {snapshot} has lost its list of files."),
        why=N_("Without it the program cannot tell what belongs to it."),
        next=N_("Use another snapshot. Do not delete anything: content may still be saved by hand."),
    ),
    Reference(
        ref="snapshot.manifest-damaged",
        what=N_("The list of files of snapshot {snapshot} is damaged."),
        why=N_("It was altered after it was written, so nothing in it can be trusted."),
        next=N_("Use another snapshot, and have the disk checked."),
    ),
    Reference(
        ref="snapshot.manifest-unreadable",
        what=N_("The list of files of snapshot {snapshot} cannot be read at this moment."),
        why=N_("The system did not let it be opened or read. Nothing says that it is damaged, and nothing was decided from it."),
        next=N_("See the reason told beside this, then start again."),
    ),
    Reference(
        ref="snapshot.manifest-newer",
        what=N_("The snapshot {snapshot} was written by a newer version of the program (format {format}, known up to {known})."),
        why=N_("An older program could misread it."),
        next=N_("Use the newer version of the program."),
    ),
    Reference(
        ref="snapshot.not-restorable",
        what=N_("The snapshot {snapshot} cannot be brought back whole (damaged or missing files in it: {damaged} of {files})."),
        why=N_("A half restored workstation would be worse than the present one, so nothing was touched (files still whole: {possible})."),
        next=N_("Try another snapshot (“atsam-safe snapshots list”). The whole content lies in {place}."),
    ),
    Reference(
        ref="snapshot.system-state-damaged",
        what=N_("What the snapshot keeps beside files (services, rights of the system) is damaged ({path})."),
        why=N_("It says which services ran and which rights were set; a wrong one could open the system or start the wrong program."),
        next=N_("The files of the snapshot are not concerned. Restart the computer after going back, then run “atsam-safe status”."),
    ),
    Reference(
        ref="snapshot.object-missing",
        what=N_("Content of snapshot {snapshot} is missing ({path})."),
        why=N_("The file it belongs to cannot be brought back."),
        next=N_("Have the disk checked; take a new snapshot as soon as the workstation works."),
    ),
    Reference(
        ref="snapshot.object-truncated",
        what=N_("Content of snapshot {snapshot} is cut short ({path})."),
        why=N_("The file it belongs to cannot be brought back."),
        next=N_("Have the disk checked; take a new snapshot as soon as the workstation works."),
    ),
    Reference(
        ref="snapshot.object-damaged",
        what=N_("Content of snapshot {snapshot} is altered ({path})."),
        why=N_("Its bytes are no longer those that were kept."),
        next=N_("Have the disk checked; take a new snapshot as soon as the workstation works."),
    ),
    Reference(
        ref="snapshot.object-unreadable",
        what=N_("Content of snapshot {snapshot} cannot be read ({path})."),
        why=N_("The disk or the rights do not allow it."),
        next=N_("Start again as an administrator; if it remains, have the disk checked."),
    ),
    Reference(
        ref="snapshot.object-foreign",
        what=N_("Something else lies in the place of content of snapshot {snapshot} ({path})."),
        why=N_("It was not put there by this program and is not used."),
        next=N_("Find out who changes the folder of snapshots."),
    ),
    Reference(
        ref="snapshot.later-unknown",
        what=N_(
            "What was changed after the snapshot {snapshot} is not wholly known: {snapshots} (in all: {count}) were pruned or are damaged."
        ),
        why=N_("What those runs changed in places that the snapshot {snapshot} does not know stays as it is."),
        next=N_("Run “atsam-safe status” and “atsam-safe verify”: they tell what is installed now."),
    ),
    Reference(
        ref="snapshot.later-work",
        what=N_("Changed by others since the last run of this program, and gone back too (files: {count}): {paths}."),
        why=N_("The snapshot {snapshot} is older than this work. As it was just now, it is in the snapshot {kept}."),
        next=N_(
            "If it is needed, “atsam-safe rollback {kept}” brings all of the state before back. For one file, “atsam-safe --json snapshots "
            "show {kept}” tells its SHA-256: the content lies under that name in the folder “objects”."
        ),
    ),
    Reference(
        ref="snapshot.files-only",
        what=N_(
            "The snapshot {snapshot} holds files only: what is installed, running or registered in the system beside them was not touched."
        ),
        why=N_("It is what a recovery found, and only its files could be kept."),
        next=N_("Run “atsam-safe status” and “atsam-safe verify”: they tell what is installed now."),
    ),
    Reference(
        ref="snapshot.folder-kept",
        what=N_("What others have put into folders that were not there before stays, and so do the folders (paths: {count}): {paths}."),
        why=N_("What others put there is never removed. All that belongs to the components is as before."),
        next=N_("Nothing to do. Whoever no longer needs it can remove it."),
    ),
    Reference(
        ref="snapshot.folder-in-the-way",
        what=N_("A folder that is not empty lies in the place of {path}."),
        why=N_("It holds files that nobody kept; they are not removed."),
        next=N_("Move that folder elsewhere, then run “atsam-safe recover”."),
        exit_code=20,
    ),
    Reference(
        ref="snapshot.proof-failed",
        what=N_("After going back, not everything is as it was (paths: {count}): {paths}."),
        why=N_("Something else changed them at the same time, or the disk did not keep what was written."),
        next=N_("Close other software and run “atsam-safe recover”."),
        exit_code=21,
    ),
    Reference(
        ref="snapshot.prune-untidy",
        what=N_("The snapshots were removed (how many: {count}), but not all that they had kept: not all of the room is free."),
        why=N_("The disk or the rights did not allow it. The snapshots that stay are not concerned: they can be brought back whole."),
        next=N_("Run “atsam-safe snapshots prune” again; if it remains, have the disk checked."),
        exit_code=11,
    ),
    Reference(
        ref="snapshot.export-exists",
        what=N_("{path} exists already."),
        why=N_("A copy of a snapshot never overwrites anything."),
        next=N_("Choose another name."),
    ),
    Reference(
        ref="snapshot.link-in-store",
        what=N_("A link lies in the folder of snapshots: {path}."),
        why=N_("This program never makes links there; it is not followed."),
        next=N_("Find out who put it there, and remove it."),
        exit_code=11,
    ),
    Reference(
        ref="snapshot.foreign-file",
        what=N_("Something that is not ours lies in the folder of snapshots: {path}."),
        why=N_("It is left alone and not used."),
        next=N_("Find out who put it there."),
        exit_code=11,
    ),
    Reference(
        ref="snapshot.number-twice",
        what=N_("Several snapshots bear the number {number}: {snapshots}."),
        why=N_("This program gives each number once: at least one of them was put there by hand. Which was made first is not certain."),
        next=N_("Name the snapshot when rolling back: “atsam-safe rollback ID”. Move away what was copied there by hand."),
        exit_code=11,
    ),
    Reference(
        ref="snapshot.wrong-owner",
        what=N_("{path} belongs to another user ({owner})."),
        why=N_("Whoever owns it could change the way back."),
        next=N_("Give it back to the administrator, and run “atsam-safe snapshots check” again."),
        exit_code=11,
    ),
    Reference(
        ref="snapshot.wrong-mode",
        what=N_("{path} is open to other users (rights {mode})."),
        why=N_("Snapshots may hold configuration that is nobody else\u2019s business, and others could change them."),
        next=N_("Take the rights of others away, and run “atsam-safe snapshots check” again."),
        exit_code=11,
    ),
    Reference(
        ref="snapshot.script-damaged",
        what=N_("The stand-alone script of snapshot {snapshot} is missing or altered ({path})."),
        why=N_("The program itself can still bring the snapshot back; the script must not be used."),
        next=N_("Do not run that script. Use “atsam-safe rollback {snapshot}”."),
        exit_code=11,
    ),
    Reference(
        ref="snapshot.pointer-damaged",
        what=N_("The note of the last snapshot is missing or wrong ({path})."),
        why=N_("The snapshots themselves are not concerned; only which one is the last is not known."),
        next=N_("Name the snapshot when rolling back: “atsam-safe rollback ID”."),
        exit_code=11,
    ),
)

# What was asked of the disk before a change, in one line each, when it passed.
TITLES: Final = {
    "volume.not-a-folder": N_("Nothing lies where a folder is needed"),
    "volume.link-in-the-way": N_("No link lies on the way to what would be changed"),
    "snapshot.special-file": N_("No device stands where a file would be kept"),
    "snapshot.locked-file": N_("No file that would be changed is locked"),
    "snapshot.other-file-system": N_("No other disk is mounted inside the components’ folders"),
    "snapshot.scope-holds-state": N_("The snapshots are kept outside of what would be changed"),
}
