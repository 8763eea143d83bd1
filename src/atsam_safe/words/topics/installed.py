"""Words of what is installed: receipts, components, configuration files, and whether the set suits the system."""

from __future__ import annotations

from typing import Final

import msgspec

from atsam_safe.words.reference import N_, Reference

# The build is named; where none is known for the system that is said instead, never « the right one ».
_REINSTALL: Final = N_("Install the right build, {recommended}, with “atsam-safe install”; the present state is kept for going back.")
_NO_BUILD: Final = ".no-build"

_SEEN: Final = (
    Reference(
        ref="receipts.damaged",
        what=N_("The installation receipt of a component cannot be read: {receipts}."),
        why=N_("The system no longer knows which files belong to it; some could be left behind when it is removed."),
        next=N_(
            "To install or remove all the same, add “--accept receipts.damaged” to that command: the catalogue's own list is then used, "
            "and what is left is reported."
        ),
        acceptable=True,
    ),
    Reference(
        ref="receipts.orphan",
        what=N_("The system believes that {receipt} is installed, but its files are gone."),
        why=N_("The publisher's installer may refuse to repair because of this receipt. It does not count as installed."),
        next=_REINSTALL,
        exit_code=11,
    ),
    Reference(
        ref="component.witnesses-disagree",
        what=N_("{component} should be {version}, but {source} says {other}."),
        why=N_("Several places must agree on the version. Where they do not, an installation was interrupted or two versions were mixed."),
        next=_REINSTALL,
        exit_code=11,
    ),
    Reference(
        ref="component.changed",
        what=N_("{component}: files that are not those of its release: {count}, first {path}."),
        why=N_("A changed file can stop the card from working, and nobody knows who changed it."),
        next=_REINSTALL,
        exit_code=11,
    ),
    Reference(
        ref="component.rights-missing",
        what=N_("{component}: files that users can no longer read or start: {count}, first {path} (rights {mode} instead of {wanted})."),
        why=N_("The programs that read the cards run with the rights of whoever signs in: without these they fail."),
        next=_REINSTALL,
        exit_code=11,
    ),
    Reference(
        ref="component.files-missing",
        what=N_("{component}: missing files: {count}, first {path}."),
        why=N_("Without them the component may not start."),
        next=_REINSTALL,
        exit_code=11,
    ),
    Reference(
        ref="component.wrong-processor",
        what=N_("{component}: {path} is made for {architectures} processors; nothing of it runs on this workstation ({os})."),
        why=N_("The system does not start it: the card or the readers do not work."),
        next=N_("Install the build that suits this workstation: “atsam-safe check” names it. The present state is kept for going back."),
        exit_code=11,
    ),
    Reference(
        ref="component.needs-newer-os",
        what=N_("{component}: {path} needs macOS {minimum} or later; this workstation has {os}."),
        why=N_("The system does not start it: the card or the readers do not work."),
        next=N_("Install the build that suits this workstation: “atsam-safe check” names it. The present state is kept for going back."),
        exit_code=11,
    ),
    Reference(
        ref="component.needs-rosetta",
        what=N_(
            "{component}: {path} is made for Intel processors, and Rosetta 2, which translates for this Mac's processor, is not installed."
        ),
        why=N_("Without it the system does not start the program."),
        next=N_("Install Rosetta 2: in the Terminal, “softwareupdate --install-rosetta”."),
        exit_code=11,
    ),
    Reference(
        ref="component.behind-link",
        what=N_("{component}: nobody can say whether its files are right: {count} of them lie behind a link ({link}), first {path}."),
        why=N_("A link could lead to files of other software. It is never followed, so that nothing can be changed there either."),
        next=N_("Find out who put the link there; remove it or move the real folder back, then start again."),
        exit_code=11,
    ),
    Reference(
        ref="component.no-receipt",
        what=N_("{component} is there ({path}), but the system does not remember its installation."),
        why=N_("It was copied by hand or half removed: its version cannot be relied upon."),
        next=_REINSTALL,
        exit_code=11,
    ),
    Reference(
        ref="component.version-unknown",
        what=N_("The version of {component} cannot be found out."),
        why=N_("Without it nobody can say whether it suits this system."),
        next=_REINSTALL,
        exit_code=11,
    ),
    Reference(
        ref="component.unknown-release",
        what=N_("{component} {version} is a release that this program does not know."),
        why=N_("How it behaves has not been reported."),
        next=N_("Look for a newer version of this program, or ask the person who maintains the workstation."),
        exit_code=11,
    ),
    Reference(
        ref="component.several-products",
        what=N_("{component}: several releases are registered. {version} is the one that serves; besides it: {others}."),
        why=N_(
            "Other software may have brought them. An older release that stayed registered does no harm, and that software may still "
            "need it."
        ),
        next=N_("Nothing to do."),
        exit_code=11,
    ),
    Reference(
        ref="component.both-widths",
        what=N_("{component}: two releases serve, {wide} in 64 bits and {narrow} in 32 bits. The set is judged by {version}."),
        why=N_("Each of the two may be used by other software; neither takes the place of the other."),
        next=N_("Nothing to do as long as all the software that reads cards works."),
        exit_code=11,
    ),
    Reference(
        ref="component.service-missing",
        what=N_("{component}: the file that starts its service {service} is missing ({path})."),
        why=N_("The service no longer starts at login."),
        next=_REINSTALL,
        exit_code=11,
    ),
    Reference(
        ref="set.os-unreadable",
        what=N_("The release of the system cannot be read, so nobody can say whether the components suit it."),
        why=N_("The system is damaged, or this is not the system volume of a workstation."),
        next=N_("Check that “--root” names the system volume, or have the system repaired first."),
        exit_code=11,
    ),
    Reference(
        ref="set.os-hidden",
        what=N_("The system says that it is macOS {version}, a release that never existed; it is really macOS {hidden} or later."),
        why=N_("macOS gives this number to old programs. The true release is hidden, so nobody can say whether the components suit it."),
        next=N_(
            "Use a current version of this program, or read the release in the Apple menu and tell the person who maintains the "
            "workstation."
        ),
        exit_code=11,
    ),
    Reference(
        ref="set.nothing-installed",
        what=N_("None of the components of ATSAM is installed."),
        why=N_("The software of the practice cannot reach the CPS card through them."),
        next=N_("Install the build meant for {os}, {recommended}; “atsam-safe check” says whether a package is that one."),
        exit_code=11,
    ),
    Reference(
        ref="set.unlisted",
        what=N_("The installed components are not a known set: {set}."),
        why=N_("Nobody has reported these versions working together; mixtures are a known cause of cards that stop working."),
        next=_REINSTALL,
        exit_code=11,
    ),
    Reference(
        ref="set.wrong-for-os",
        what=N_("The installed set is not made for {os}: {set}."),
        why=N_(
            "Components made for another system may not start here even though everything looks installed, and the card be out of reach."
        ),
        next=_REINSTALL,
        exit_code=11,
    ),
    Reference(
        ref="set.wrong-for-os.seen",
        what=N_("The installed set is not made for {os}: {set}."),
        why=N_("This was seen in a practice: the card could no longer be associated (error 777) even though everything looked installed."),
        next=_REINSTALL,
        exit_code=11,
    ),
    Reference(
        ref="set.uncertain-for-os",
        what=N_("It is only presumed that {set} works on {os}."),
        why=N_("Nobody has reported it."),
        next=N_("If the card works, change nothing. If not, ask the person who maintains the workstation."),
        exit_code=11,
    ),
    Reference(
        ref="set.uncertain-for-os.accepted",
        what=N_("It is only presumed that {set} works on {os}; this risk was accepted at the installation of {date} ({accepted})."),
        why=N_("Nobody has reported it, and you know it."),
        next=N_("If the card works, change nothing. If not, “atsam-safe rollback” brings the state before this installation back."),
        exit_code=11,
    ),
    Reference(
        ref="set.wrong-for-os.accepted",
        what=N_("The installed set is not made for {os}: {set}; this risk was accepted at the installation of {date} ({accepted})."),
        why=N_(
            "Components made for another system may not start here even though everything looks installed, and the card be out of reach."
        ),
        next=N_("If the card works, change nothing. If not, “atsam-safe rollback” brings the state before this installation back."),
        exit_code=11,
    ),
    Reference(
        ref="set.field-only",
        what=N_("That {set} suits {os} is known from practices; no official document says so."),
        why=N_("What worked elsewhere under this system nearly always works here too, but nobody answers for it."),
        next=N_("Nothing to do."),
        exit_code=11,
    ),
    Reference(
        ref="config.ini-pair-broken",
        what=N_("{path} is there without {other}."),
        why=N_("The two files describe the readers together. The publisher's installer deletes one that is alone."),
        next=N_("Before any reinstallation use this program, which keeps it."),
        exit_code=11,
    ),
    Reference(
        ref="config.ini-pair-broken.map-lost",
        what=N_("{path} is there without {other}: the description of the readers is lost."),
        why=N_(
            "{path} alone describes no reader. An installation would put the publisher's default (a serial reader) in the place of {other}."
        ),
        next=N_(
            "Put a copy of {other} back first: the publisher's installer keeps dated ones in /Library/Preferences/santesocial/galssV3. "
            "Without any, have the readers set up again after the installation."
        ),
    ),
    Reference(
        ref="config.empty",
        what=N_("{path} is empty."),
        why=N_("The description of the readers was lost, probably by an interrupted write."),
        next=N_("Put a copy back: the publisher's installer keeps dated ones in /Library/Preferences/santesocial/galssV3."),
        exit_code=11,
    ),
    Reference(
        ref="config.missing",
        what=N_("{component} is installed without {path}, the description of the readers."),
        why=N_(
            "Programs that reach the readers through {component} find none (error 32769). Software that reads USB readers directly is not "
            "affected."
        ),
        next=N_("Put a copy back if there is one. Otherwise have the person who maintains the workstation set up the readers again."),
        exit_code=11,
    ),
    Reference(
        ref="config.missing.backup",
        what=N_("{component} is installed without {path}. Copies that the publisher's installer kept: {count}, the newest {backup}."),
        why=N_("Programs that reach the readers through {component} find none. Software that reads USB readers directly is not affected."),
        next=N_("Copy {backup} to {path}, then read a card. If that copy is no longer right, have the readers set up again."),
        exit_code=11,
    ),
    Reference(
        ref="config.missing.ports",
        what=N_("A reader is on a serial port, and {path}, which says where the serial ports are, is missing."),
        why=N_("{component} refuses the connection to such a reader (error 32780)."),
        next=N_("Put a copy back if there is one. Otherwise have the person who maintains the workstation set up the ports again."),
        exit_code=11,
    ),
    Reference(
        ref="config.no-file",
        what=N_("In the place of {path} there is something else: a folder or a device."),
        why=N_("{component} looks for its settings there and finds none."),
        next=N_(
            "Look inside for a copy of the file, give the folder another name, and put the file in its place; the publisher's installer "
            "keeps dated copies in /Library/Preferences/santesocial/galssV3."
        ),
        exit_code=11,
    ),
    Reference(
        ref="config.too-large",
        what=N_("{path} is far larger than any description of readers is: its content was not read."),
        why=N_("Something else was probably written into it; {component} may find no reader."),
        next=N_("Look at it with a text editor, or put a copy back: dated ones are in /Library/Preferences/santesocial/galssV3."),
        exit_code=11,
    ),
    Reference(
        ref="config.unreadable",
        what=N_("{path} cannot be read."),
        why=N_("Its rights or the disk are in the way; {component} may find no reader either."),
        next=N_("Run the command again as an administrator. If it stays so, have the disk checked."),
        exit_code=11,
    ),
    Reference(
        ref="config.untouched-default",
        what=N_("{path} is as delivered by the publisher."),
        why=N_("The automatic configuration did not run or found no reader. With USB readers it describes nothing."),
        next=N_("If your software reads the card, change nothing."),
        exit_code=11,
    ),
    Reference(
        ref="verify.other-set",
        what=N_("The workstation has {set}; that is not {bundle}."),
        why=N_("Only a whole known set is known to work."),
        next=_REINSTALL,
        exit_code=11,
    ),
)


def _without_build(reference: Reference) -> Reference:
    """The same finding on a system for which no build is known; what is there is judged by whether the card works."""
    if reference.ref.startswith(("component.", "receipts.")):
        following = N_(
            "No build of ATSAM is known to suit {os}. Install again the package these components came from, or ask the support of your "
            "medical software which one to install."
        )
    elif reference.ref == "set.nothing-installed":
        following = N_(
            "No build of ATSAM is known to suit {os}. Ask the support of your medical software which one to install; “atsam-safe check” "
            "says what is known of it."
        )
    else:
        following = N_(
            "No build of ATSAM is known to suit {os}. If the card works, change nothing. If not, ask the support of your medical software "
            "which one to install."
        )
    return msgspec.structs.replace(reference, ref=f"{reference.ref}{_NO_BUILD}", next=following)


REFERENCES: Final = (
    *_SEEN,
    *(_without_build(reference) for reference in _SEEN if "{recommended}" in reference.next),
)
