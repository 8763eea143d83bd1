"""References about runs and the state folder: lock, journal, going back."""

from __future__ import annotations

from typing import Final

from atsam_safe.words.reference import N_, Reference

REFERENCES: Final = (
    Reference(
        ref="state.missing",
        what=N_("There is no folder of snapshots at {path}."),
        why=N_("This program has not yet changed anything on this workstation."),
        next=N_("Nothing to do."),
    ),
    Reference(
        ref="state.cannot-be-made",
        what=N_("The folder for the snapshots cannot be made here: {path}."),
        why=N_("Without a place for the way back, nothing is begun."),
        next=N_("Name another folder with “--state-dir”, on a disk that can be written to."),
    ),
    Reference(
        ref="state.unsafe",
        what=N_("The folder of snapshots cannot be trusted: {path} ({reason})."),
        why=N_("It is a link, belongs to another user, or can be changed by others: the way back could be falsified."),
        next=N_("Have an administrator check that folder; nothing is written to it until then."),
    ),
    Reference(
        ref="state.unknown-format",
        what=N_("The folder of snapshots {path} was written by a newer version of the program (format {format}, known {known})."),
        why=N_("An older program could damage it, so nothing is read or written."),
        next=N_("Use the newer version of the program."),
    ),
    Reference(
        ref="state.elsewhere",
        what=N_("The snapshots of this workstation are kept in another folder: {path}."),
        why=N_("Without that folder an interrupted run would not be seen, and the way back would be missing."),
        next=N_(
            "Start again with “--state-dir {path}”. If that folder is gone for good, remove the file {mark}: its snapshots are lost then."
        ),
    ),
    Reference(
        ref="state.elsewhere.not-there",
        what=N_("The folder {path}, in which the snapshots of this workstation are kept, is not there."),
        why=N_(
            "At that place there is nothing, or another folder: its disk may not be connected, or another disk is. "
            "Without the right folder an interrupted run would not be seen, and the way back would be missing. Nothing was touched."
        ),
        next=N_(
            "Connect the disk with that folder, at another place if need be: “--state-dir” then names that place. "
            "Only if the folder is gone for good, remove the file {mark}: its snapshots are lost then."
        ),
    ),
    Reference(
        ref="state.other-workstation",
        what=N_("The folder of snapshots {path} belongs to another workstation."),
        why=N_("This workstation would be given the files of that one. Nothing was touched."),
        next=N_("Name the folder of this workstation with “--state-dir”, or leave this option out."),
    ),
    Reference(
        ref="state.other-workstation.unmarked",
        what=N_("Nothing on this workstation says that the folder of snapshots {path} is its own."),
        why=N_(
            "The file {mark} would say it: somebody removed it, a power cut took it, or the folder is another workstation's, "
            "whose files this one would then be given. Nothing was touched."
        ),
        next=N_(
            "Only if you are sure that it is this workstation's: start “atsam-safe recover” again with “--accept state.other-workstation”. "
            "Otherwise name the folder of this workstation with “--state-dir”, or leave this option out."
        ),
    ),
    Reference(
        ref="state.locked",
        what=N_("Another run is under way: {command}, process {pid} on {host}, since {since}."),
        why=N_("Two runs at once could undo each other."),
        next=N_("Wait until it has ended, then start again."),
        exit_code=14,
    ),
    Reference(
        ref="state.journal-damaged",
        what=N_("The record of an interrupted run is damaged (line {line} of {path})."),
        why=N_("What that run had already done cannot be read there any more, so nothing is guessed."),
        next=N_(
            "Run “atsam-safe recover”: where that run had changed nothing, it puts the record away. "
            "If it refuses, have the workstation looked at before anything else."
        ),
    ),
    Reference(
        ref="state.journal-damaged.begun",
        what=N_("The record of an interrupted run is damaged (line {line} of {path})."),
        why=N_(
            "What was already done cannot be told for sure, so nothing is guessed. The snapshot of that run ({snapshot}) lies in {place}."
        ),
        next=N_(
            "Have the workstation looked at before anything else. Bring the state before back, then run “atsam-safe recover”. "
            "The command that brings it back: {by_hand}"
        ),
    ),
    Reference(
        ref="state.journal-damaged.missing",
        what=N_("The record of the last run is missing ({path}), and the workstation is not as that run found it."),
        why=N_(
            "Nobody can tell what that run came to, so nothing is guessed. The snapshot of the state before ({snapshot}) lies in {place}."
        ),
        next=N_(
            "Have the workstation looked at before anything else. Bring the state before back, then run “atsam-safe recover”. "
            "The command that brings it back: {by_hand}"
        ),
    ),
    Reference(
        ref="state.changed-since-interrupted",
        what=N_("An earlier run ({run}) did not end, and files were changed long after it (files: {count}): {paths}."),
        why=N_("Undoing that run would replace them as well: somebody may have repaired the workstation since. Nothing was touched."),
        next=N_(
            "Look at these files. “atsam-safe recover” keeps them as a snapshot and brings the state before the run back; then start again."
        ),
        exit_code=22,
    ),
    Reference(
        ref="transaction.found-not-kept",
        what=N_("The files that were found before the interrupted run was undone could not be kept ({reason})."),
        why=N_("The way back goes first. What somebody changed since the interruption, in the files of that run, is gone."),
        next=N_("Put the latest repairs and settings in again, if there were any."),
        exit_code=11,
    ),
    Reference(
        ref="transaction.found-not-kept.enough",
        what=N_("The files that were found before the interrupted run was undone were not kept (kept of that run already: {count})."),
        why=N_("The way back goes first. What somebody changed since the interruption, in the files of that run, is gone."),
        next=N_("Put the latest repairs and settings in again, if there were any."),
        exit_code=11,
    ),
    Reference(
        ref="state.residue",
        what=N_("Something that had to go is still there (paths: {count}): {paths}."),
        why=N_("What an old version leaves behind disturbs the new one. The run is undone."),
        next=N_("Close the software that uses the components and start again."),
        exit_code=20,
    ),
    Reference(
        ref="transaction.internal-error",
        what=N_("A step stopped because of an error of the program itself ({kind})."),
        why=N_("This is a fault of the program, not of your workstation. The state before is brought back."),
        next=N_("Send the report to the person who maintains the program."),
        exit_code=20,
    ),
    Reference(
        ref="transaction.not-verified",
        what=N_("The workstation is not right after the change."),
        why=N_("Only a verified result is kept."),
        next=N_("Run “atsam-safe status” and read what is found."),
        exit_code=20,
    ),
    Reference(
        ref="transaction.package-not-proven",
        what=N_("What the package installed did not pass the verification."),
        why=N_("Only a verified result is kept."),
        next=N_(
            "Do not install this same file again: download it once more from its publisher's official site. "
            "If that fails too, show this message to the publisher."
        ),
        exit_code=20,
    ),
    Reference(
        ref="transaction.rollback-incomplete",
        what=N_("The change failed, and the way back is not complete."),
        why=N_("The state before is kept whole in the snapshot {snapshot}: {place}"),
        next=N_("Run “atsam-safe recover”. Without the program: {by_hand}"),
        exit_code=21,
    ),
    Reference(
        ref="transaction.rollback-incomplete.unnamed",
        what=N_("The change failed, and the way back is not complete."),
        why=N_("The state before is kept whole in the newest folder in {place}, which cannot be opened at this moment."),
        next=N_("Run “atsam-safe recover”; if it stays so, restart the computer first, and have the disk checked."),
        exit_code=21,
    ),
    Reference(
        ref="transaction.commit-not-synced",
        what=N_("The change is complete, but the disk did not confirm that it is stored."),
        why=N_("If the power fails now, the next start may bring the state before back."),
        next=N_("Run “atsam-safe status” after the next start, and have the disk checked."),
        exit_code=20,
    ),
)
