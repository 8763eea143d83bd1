"""Words about carrying out a plan's steps on a workstation."""

from __future__ import annotations

from typing import Final

from atsam_safe.words.reference import N_, Reference

REFERENCES: Final = (
    Reference(
        ref="workstation.not-staged",
        what=N_("The prepared content of {identifier} is missing or damaged ({detail})."),
        why=N_("Only content that was verified beforehand may be put on the workstation."),
        next=N_("Nothing to do by hand: the workstation is brought back to its state before. Then run the installation again."),
        exit_code=20,
    ),
    Reference(
        ref="workstation.needs-live",
        what=N_("The step {step} can only be carried out on a macOS that is running."),
        why=N_("On a volume that does not run there is no system to carry it out, and pretending would leave the workstation half done."),
        next=N_("Run the same command on the workstation itself, without “--root”."),
        exit_code=20,
    ),
    Reference(
        ref="workstation.not-a-receipt",
        what=N_("“{path}” is not the place of an installation receipt."),
        why=N_("Only receipts may be written or removed by this step; anything else could belong to another program."),
        next=N_("Send the report of this run to the person who maintains the program."),
        exit_code=20,
    ),
    Reference(
        ref="workstation.system-folder",
        what=N_("A step would have removed or changed {path} as a whole, which belongs to macOS or to a user."),
        why=N_("Everything in it would have been lost or opened to everyone, with what belongs to other programs."),
        next=N_("Correct the catalogue given with “--manifests”, or leave the option out."),
        exit_code=20,
    ),
    Reference(
        ref="workstation.unusable-mode",
        what=N_("The access rights “{mode}” asked for {path} cannot be used."),
        why=N_("Wrong access rights could lock a program out, or open it to everyone."),
        next=N_("Correct the catalogue given with “--manifests”, or leave the option out."),
        exit_code=20,
    ),
    Reference(
        ref="workstation.unusable-owner",
        what=N_("The owner “{owner}” asked for {path} cannot be given on a volume that does not run."),
        why=N_("Only the accounts that every macOS has are known there; another number could belong to somebody else."),
        next=N_("Correct the catalogue given with “--manifests”, or leave the option out."),
        exit_code=20,
    ),
    Reference(
        ref="workstation.history-unreadable",
        what=N_("The history of installations {path} could not be read and was left as it is."),
        why=N_("macOS shows it in the system report; the components work without a line in it."),
        next=N_("Nothing to do for the components. Show it to the person who looks after the computer."),
        exit_code=11,
    ),
    Reference(
        ref="workstation.shared-file-kept",
        what=N_("The rights of {path} were left as they are: the file has other names elsewhere."),
        why=N_("What is set through one name holds for all of them, and anybody may have given a file of the system a name there."),
        next=N_("Find out who put that file there; remove it if nobody needs it."),
        exit_code=11,
    ),
)
