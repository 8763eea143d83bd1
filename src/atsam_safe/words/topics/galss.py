"""References of the reader configuration galss.ini and its repair."""

from __future__ import annotations

from typing import Final

from atsam_safe.words.reference import N_, Reference

_NEW_FILE: Final = N_(
    "Ask the support of the software that reads the card for a sound galss.ini. Or give the present one another name, insert both cards, "
    "and have a new one made with “atsam-safe cards realign”."
)

REFERENCES: Final = (
    Reference(
        ref="galss.missing",
        what=N_("The reader configuration galss.ini is missing although installed software needs it."),
        why=N_("Software that goes through GALSS cannot find the reader."),
        next=N_("Have one made with “atsam-safe cards realign” while both cards are inserted."),
        exit_code=11,
    ),
    Reference(
        ref="galss.empty",
        what=N_("The reader configuration galss.ini is empty."),
        why=N_("Software that goes through GALSS cannot find the reader. A repair that was interrupted often leaves it so."),
        next=N_("Have one made with “atsam-safe cards realign” while both cards are inserted."),
        exit_code=11,
    ),
    Reference(
        ref="galss.malformed",
        what=N_("GALSS refuses galss.ini: “{key}” (channel {channel}) is missing or wrong, code {code}."),
        why=N_("GALSS then behaves as if there were no reader at all."),
        next=N_("Have the file proposed with “atsam-safe cards realign”, look at it, then apply it."),
        exit_code=11,
    ),
    Reference(
        ref="galss.malformed.no-channel",
        what=N_("GALSS refuses galss.ini: “{key}” is missing or wrong, code {code}."),
        why=N_("GALSS then behaves as if there were no reader at all."),
        next=N_("Have the file proposed with “atsam-safe cards realign”, look at it, then apply it."),
        exit_code=11,
    ),
    Reference(
        ref="galss.serial-only",
        what=N_("galss.ini only describes a serial reader, while USB readers are connected: {readers}."),
        why=N_(
            "Software that goes through GALSS looks for a reader that is not there. Software that talks to the reader directly is "
            "not concerned."
        ),
        next=N_("If no serial reader is used any more: have the file proposed with “atsam-safe cards realign”, look at it, then apply it."),
        exit_code=11,
    ),
    Reference(
        ref="galss.ghost-channel",
        what=N_("Channel {channel} of galss.ini names “{reader}”, which is not connected."),
        why=N_("Software that goes through GALSS waits in vain for this reader at each start. Connected now: {readers}."),
        next=N_(
            "Connect that reader if it is used. Otherwise: have the file proposed with “atsam-safe cards realign”, look at "
            "it, then apply it."
        ),
        exit_code=11,
    ),
    Reference(
        ref="galss.virtual-reader",
        what=N_("Channel {channel} of galss.ini names “{reader}”, which is not a card reader."),
        why=N_("It is a sign-in feature or a security key; no CPS or Vitale card can be put into it."),
        next=N_("Have the file proposed with “atsam-safe cards realign”, look at it, then apply it."),
        exit_code=11,
    ),
    Reference(
        ref="galss.swapped",
        what=N_(
            "The CPS and Vitale cards are in the slots opposite to galss.ini (CPS expected in {cps_reader}, found in {cps_found}; Vitale "
            "expected in {vitale_reader}, found in {vitale_found})."
        ),
        why=N_("Software that goes through GALSS then reads neither card."),
        next=N_(
            "Put each card into the other slot. If each slot has its own shape and only this order is possible: "
            "have the file proposed with "
            "“atsam-safe cards realign”, look at it, then apply it."
        ),
        exit_code=11,
    ),
    Reference(
        ref="galss.wrong-slot",
        what=N_("Channel {channel} of galss.ini looks for the {card} card in “{reader}”, but it is in “{found}”."),
        why=N_("Software that goes through GALSS does not find this card."),
        next=N_(
            "Put the card into the slot of the configuration, or: have the file proposed with “atsam-safe cards "
            "realign”, look at it, then apply it."
        ),
        exit_code=11,
    ),
    Reference(
        ref="galss.same-slot",
        what=N_("Channels {first} and {second} of galss.ini both name “{reader}”: the CPS and the Vitale card in the same slot."),
        why=N_("Two cards cannot be in one slot at the same time."),
        next=N_("Have the file proposed with “atsam-safe cards realign”, look at it, then apply it."),
        exit_code=11,
    ),
    Reference(
        ref="galss.unreadable",
        what=N_("The reader configuration galss.ini could not be read."),
        why=N_("The system did not let this program read it; the next point says why. What GALSS itself reads is not known."),
        next=N_("Do what the next point says, then run the check again."),
        exit_code=11,
    ),
    Reference(
        ref="galss.unreadable.not-text",
        what=N_("The file galss.ini is not a plain text file, as GALSS expects it."),
        why=N_("It was saved in another format, or the computer stopped while it was being written."),
        next=_NEW_FILE,
        exit_code=11,
    ),
    Reference(
        ref="galss.unreadable.too-large",
        what=N_("The file galss.ini is far too long for a configuration of card readers."),
        why=N_("Such a file has a few dozen lines. Something else was written into it, so it was not read."),
        next=_NEW_FILE,
        exit_code=11,
    ),
    Reference(
        ref="galss.unreadable.link",
        what=N_("In the place of galss.ini there is only a link to another file."),
        why=N_("A link may lead anywhere and is never followed: what GALSS reads there was not checked."),
        next=N_("Ask whoever looks after the workstation why it is there, and to put the file itself in its place."),
        exit_code=11,
    ),
    Reference(
        ref="galss.unreadable.folder",
        what=N_("In the place of the file galss.ini there is a folder of that name."),
        why=N_("GALSS finds no configuration, and software that goes through it does not find the reader."),
        next=_NEW_FILE,
        exit_code=11,
    ),
    Reference(
        ref="galss.unreadable.no-file",
        what=N_("What is in the place of galss.ini is not an ordinary file."),
        why=N_("Another program put it there. Reading it could block this program, and GALSS as well."),
        next=_NEW_FILE,
        exit_code=11,
    ),
    Reference(
        ref="galss.earlier-kept",
        what=N_("Snapshot {snapshot} holds an earlier galss.ini."),
        why=N_("It was kept before a change."),
        next=N_("An earlier galss.ini is in snapshot {snapshot}: “{command}” brings it back, with everything else that was kept then."),
        exit_code=11,
    ),
    Reference(
        ref="galss.earlier-kept.or-made",
        what=N_("Snapshot {snapshot} holds an earlier galss.ini."),
        why=N_("It was kept before a change."),
        next=N_(
            "Have one made with “atsam-safe cards realign” while both cards are inserted. An earlier one is also "
            "in snapshot {snapshot}: “{command}” brings it back, with everything else that was kept then."
        ),
        exit_code=11,
    ),
    Reference(
        ref="galss.unwritable-name",
        what=N_("The reader's name has a character that galss.ini cannot hold (encoding {encoding}). The file was left as it is."),
        why=N_("Written otherwise, the name would not be found by GALSS."),
        next=N_("Send this report to the person who maintains this workstation."),
        exit_code=11,
    ),
    Reference(
        ref="galss.realign-needs-cps",
        what=N_("No proposal can be made: the CPS card is not in a reader ({readers})."),
        why=N_("A configuration written by guessing has stopped software that worked: without certainty nothing is changed."),
        next=N_("Insert the CPS card into the slot where it belongs, then run the command again."),
        exit_code=11,
    ),
    Reference(
        ref="galss.realign-two-cps",
        what=N_("No proposal can be made: there is a CPS card in more than one reader ({readers})."),
        why=N_("A configuration written by guessing has stopped software that worked: without certainty nothing is changed."),
        next=N_("Leave a single CPS card in, in the slot where it belongs, then run the command again."),
        exit_code=11,
    ),
    Reference(
        ref="galss.realign-needs-vitale",
        what=N_("No proposal can be made: the slot of the Vitale card is not known ({readers})."),
        why=N_("A configuration written by guessing has stopped software that worked: without certainty nothing is changed."),
        next=N_("Insert a Vitale card beside the CPS card, then run the command again."),
        exit_code=11,
    ),
    Reference(
        ref="galss.realign-name-unlisted",
        what=N_("The name “{reader}” is not one of the readers connected right now. Nothing was written."),
        why=N_("GALSS only finds readers under the exact name the system gives them."),
        next=N_("Connect the reader, then run “atsam-safe cards realign” again."),
        exit_code=11,
    ),
    Reference(
        ref="galss.realign-refused",
        what=N_("The proposed file would still be wrong ({reason}). Nothing was written."),
        why=N_("A repair is only applied when the result is proven to be right."),
        next=N_("Send this report to the person who maintains this workstation."),
        exit_code=11,
    ),
    Reference(
        ref="galss.realign-refused.still",
        what=N_("The proposed file would still be wrong: the next point says why. Nothing was written."),
        why=N_("A repair is only applied when the result is proven to be right."),
        next=N_("Send this report to the person who maintains this workstation."),
        exit_code=11,
    ),
    Reference(
        ref="galss.realign-changed",
        what=N_("galss.ini was changed by another program in the meantime. It was left as it is."),
        why=N_("The proposal no longer fits the present content."),
        next=N_("Run “atsam-safe cards realign” again."),
        exit_code=11,
    ),
    Reference(
        ref="galss.realign-unwritable",
        what=N_("galss.ini cannot be written ({reason}). It was left as it is."),
        why=N_("The program has no right to change this file, or the disk refuses."),
        next=N_("Run the command again with administrator rights."),
        exit_code=11,
    ),
    Reference(
        ref="galss.realign-readback",
        what=N_("Reading galss.ini back did not give what was written."),
        why=N_("Another program writes to it at the same time, or the disk is failing."),
        next=N_("Close all medical software and run the command again. The former content is in the last snapshot."),
        exit_code=11,
    ),
    Reference(
        ref="galss.file-elsewhere",
        what=N_("{path} is not on the volume {root}."),
        why=N_("With --root only files of that volume are read or changed."),
        next=N_("Name a file of that volume, or leave out --root."),
        exit_code=2,
    ),
    Reference(
        ref="galss.aligned",
        what=N_("galss.ini agrees with the readers and the cards that are there."),
        why=N_("There is nothing to repair."),
        next=N_("Nothing to do."),
        exit_code=11,
    ),
)
