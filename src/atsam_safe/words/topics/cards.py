"""References of the card chain: service, readers, the card itself, its certificates and its code, whose card it is."""

from __future__ import annotations

from typing import Final

from atsam_safe.words.reference import N_, Reference

REFERENCES: Final = (
    Reference(
        ref="cards.support-missing",
        what=N_("The check of the card needs the library “{library}”, which is not installed."),
        why=N_("Without it the program cannot talk to the card reader: the card was not checked, which does not mean that it is broken."),
        next=N_("Have the program installed again with its card support (the extra “card”)."),
        exit_code=11,
    ),
    Reference(
        ref="cards.readers-of-this-computer",
        what=N_("The readers looked at are those of this computer, not those of the workstation whose volume this is."),
        why=N_("GALSS only finds readers under the name its own system gives them, and another system may name the same reader otherwise."),
        next=N_("Once the workstation is started, run “atsam-safe cards realign” there: without “--apply”, it only looks."),
    ),
    Reference(
        ref="cards.service-down",
        what=N_("The system's smart-card service does not answer."),
        why=N_("No software can reach a card reader without this service."),
        next=N_("Restart the workstation. If the message stays, unplug the reader, restart, then plug the reader in again."),
        exit_code=11,
    ),
    Reference(
        ref="cards.service-down.here",
        what=N_("The smart-card service of this computer, on which the program runs, does not answer."),
        why=N_("The galss.ini of the volume is held against the readers connected here. Of the workstation itself, this says nothing."),
        next=N_("Run the command on the workstation itself, or connect its readers to this computer and start its smart-card service."),
    ),
    Reference(
        ref="cards.service-without-reader",
        what=N_("Windows sees no card reader, or its smart-card service is stopped."),
        why=N_("Windows runs this service only while a reader is connected: from the program's side, both look the same."),
        next=N_("Plug the reader directly into the computer and run the check again. If the message stays, restart the workstation."),
        exit_code=11,
    ),
    Reference(
        ref="cards.reader-name",
        what=N_("A card reader cannot be looked at because of letters in its name: {readers}."),
        why=N_("The library this program talks to readers with takes names without accents only. Your other software is not concerned."),
        next=N_("Try the card in another reader, or send this report to the person who maintains this workstation."),
        exit_code=11,
    ),
    Reference(
        ref="cards.no-reader",
        what=N_("The system sees no card reader."),
        why=N_("Without a reader, the CPS card cannot be used by any software."),
        next=N_(
            "Check the reader's cable, plug it directly into the computer (not through a keyboard or a hub), and answer yes if the "
            "system asks to allow the accessory."
        ),
        exit_code=11,
    ),
    Reference(
        ref="cards.only-virtual-readers",
        what=N_("The only readers the system lists are not card readers: {readers}."),
        why=N_("Sign-in features and security keys show themselves as readers, but no card can be put into them."),
        next=N_("Plug in the card reader, or check its cable."),
        exit_code=11,
    ),
    Reference(
        ref="cards.confusable-readers",
        what=N_("Several slots have almost the same name: {readers}."),
        why=N_("The system may exchange such names at the next start, and the configuration then points at the wrong slot."),
        next=N_("Nothing to do now. If a card is no longer read after a restart, run “atsam-safe cards doctor” again."),
        exit_code=11,
    ),
    Reference(
        ref="cards.insert",
        what=N_("Insert your CPS card into the reader (waiting for {seconds} s)."),
        why=N_("The card is needed to prove that your software can use it. Its code is not asked."),
        next=N_("Leave the card in the reader until the end of the check."),
        exit_code=11,
    ),
    Reference(
        ref="cards.nobody-there",
        what=N_("The card was not checked: it is not in the reader and nobody is there to insert it."),
        why=N_("Without the card, the chain can only be checked up to the reader. This is not a fault."),
        next=N_("Insert the CPS card and run “atsam-safe cards doctor”."),
        exit_code=11,
    ),
    Reference(
        ref="cards.card-absent",
        what=N_("No CPS card is in a reader ({readers})."),
        why=N_("The card has to be in the reader for the check."),
        next=N_("Insert the CPS card, chip first, as far as it goes, and run the check again."),
        exit_code=11,
    ),
    Reference(
        ref="cards.vitale-only",
        what=N_("The reader “{reader}” holds a Vitale card; no CPS card is there."),
        why=N_("A Vitale card does not identify a health professional."),
        next=N_("Insert the CPS card, in its own slot."),
        exit_code=11,
    ),
    Reference(
        ref="cards.card-unknown",
        what=N_("The card in “{reader}” is of an unknown type ({atr})."),
        why=N_("It is neither a known CPS card nor a Vitale card."),
        next=N_(
            "Check that the right card is in the reader. If it is your CPS card, send this report to the person who maintains this "
            "workstation."
        ),
        exit_code=11,
    ),
    Reference(
        ref="cards.card-mute",
        what=N_("The card in “{reader}” does not answer."),
        why=N_("It may be the wrong way round, dirty, or damaged."),
        next=N_(
            "Take the card out, wipe the chip with a dry cloth, insert it chip first, and try another card to tell the card from "
            "the reader."
        ),
        exit_code=11,
    ),
    Reference(
        ref="cards.card-removed",
        what=N_("There is no longer a card in “{reader}”."),
        why=N_("The card was taken out during the check; the reader is not at fault."),
        next=N_("Put the card back and run the check again, without touching the card."),
        exit_code=11,
    ),
    Reference(
        ref="cards.reader-gone",
        what=N_("The reader “{reader}” is no longer there."),
        why=N_("It was unplugged, or the system is starting it again."),
        next=N_("Wait ten seconds. If the reader stays away, unplug it and plug it in again."),
        exit_code=11,
    ),
    Reference(
        ref="cards.reader-held",
        what=N_("Another program keeps the reader “{reader}” for itself alone."),
        why=N_("As long as it does, no other software can read the card."),
        next=N_(
            "Close the software that uses the card (seen on this workstation: {programs}), wait a few seconds and run the check again."
        ),
        exit_code=11,
    ),
    Reference(
        ref="cards.time-limit",
        what=N_("“{subject}” did not answer within {seconds} s."),
        why=N_(
            "A reader that another program keeps busy, or that is about to fail, can stay silent for ever; the program does not "
            "wait longer."
        ),
        next=N_("Close the software that uses the card, unplug the reader and plug it in again, then run the check again."),
        exit_code=11,
    ),
    Reference(
        ref="cards.pcsc-error",
        what=N_("The smart-card service refused with code {code} (reader “{reader}”)."),
        why=N_("This code does not belong to a situation the program knows."),
        next=N_("Send this report to the person who maintains this workstation."),
        exit_code=11,
    ),
    Reference(
        ref="cards.generation-old",
        what=N_("The card in “{reader}” is a {generation} that the current middleware does not know."),
        why=N_("The middleware recognises the exact types of card it was made for; software will behave as if there were no card."),
        next=N_("Install the current card components. If the message stays, ask the issuer for a current card (CPS3 or CPS4)."),
        exit_code=11,
    ),
    Reference(
        ref="cards.application-missing",
        what=N_("The card does not have the CPS application."),
        why=N_("It looks like a CPS card but does not answer as one."),
        next=N_("Check that it is the right card. If it is, ask the issuer (Agence du Numérique en Santé) to replace it."),
        exit_code=11,
    ),
    Reference(
        ref="cards.serial-unreadable",
        what=N_("The card's serial number cannot be read."),
        why=N_("Without it no software can use the card."),
        next=N_("Take the card out and insert it again. If the message stays, ask the issuer to replace the card."),
        exit_code=11,
    ),
    Reference(
        ref="cards.serial-foreign",
        what=N_("The card was not made by the issuer of CPS cards."),
        why=N_("The components refuse cards of another issuer (test cards, for example)."),
        next=N_("Use a CPS card issued by the Agence du Numérique en Santé."),
        exit_code=11,
    ),
    Reference(
        ref="cards.certificates-none",
        what=N_("The card shows no certificate."),
        why=N_("Without certificates, neither signing nor signing in is possible."),
        next=N_("Clear the card cache (“atsam-safe cards clear-cache”) and run the check again. If nothing changes, ask the issuer."),
        exit_code=11,
    ),
    Reference(
        ref="cards.certificate-expired",
        what=N_("A certificate of the card ended on {last_day}."),
        why=N_("National services refuse an expired certificate. The workstation and its components are not at fault."),
        next=N_("Ask the issuer for a new card; nothing has to be installed again."),
        exit_code=11,
    ),
    Reference(
        ref="cards.certificate-not-yet",
        what=N_("A certificate of the card only begins on {first_day}."),
        why=N_("Either the card is brand-new, or the date of this workstation is wrong."),
        next=N_("Check the date and time of the workstation."),
        exit_code=11,
    ),
    Reference(
        ref="cards.certificate-foreign",
        what=N_("A certificate of the card was not issued by an IGC-Santé authority."),
        why=N_("National services only accept certificates of these authorities."),
        next=N_("Check that it is not a test card or a card of an older generation; otherwise ask the issuer."),
        exit_code=11,
    ),
    Reference(
        ref="cards.certificate-unproven",
        what=N_("The issuer of a certificate could not be proven: the certificate of that authority is missing on this workstation."),
        why=N_("The components bring these authorities with them; without them, software may refuse the card."),
        next=N_("Install the components again."),
        exit_code=11,
    ),
    Reference(
        ref="cards.certificate-cached",
        what=N_("A certificate that software shows is not the one on the inserted card."),
        why=N_("It comes from the cache of the components, kept from an earlier state of the card."),
        next=N_("Clear the card cache with “atsam-safe cards clear-cache”, then run the check again."),
        exit_code=11,
    ),
    Reference(
        ref="cards.certificates-not-compared",
        what=N_("The certificates could not be compared with those on the card itself."),
        why=N_("The list shown may come from the cache of the components: it proves nothing alone."),
        next=N_(
            "Run the check again with the card left in place. If the message stays, have the card sign a "
            "challenge (“atsam-safe cards doctor "
            "--challenge”)."
        ),
        exit_code=11,
    ),
    Reference(
        ref="cards.code-locked",
        what=N_("The card's code is locked."),
        why=N_("After three wrong codes the card refuses every code. No installation can change that."),
        next=N_("Unlock the card with its unlocking code, or ask the issuer."),
        exit_code=11,
    ),
    Reference(
        ref="cards.code-last-try",
        what=N_("Only one try is left for the card's code."),
        why=N_("One more wrong code locks the card."),
        next=N_("Make sure of the code before you type it."),
        exit_code=11,
    ),
    Reference(
        ref="cards.code-tries-used",
        what=N_("A wrong code was typed since the card was last used successfully."),
        why=N_("After three wrong codes the card locks itself."),
        next=N_("Make sure of the code before you type it."),
        exit_code=11,
    ),
    Reference(
        ref="cards.configuration-unseen",
        what=N_("The configuration of the readers was not checked."),
        why=N_("Nothing of it can be seen from here."),
        next=N_("Run “atsam-safe cards doctor” on the workstation itself."),
        exit_code=11,
    ),
    Reference(
        ref="cards.not-reached",
        what=N_("Not checked: step {number} comes first."),
        why=N_("This step rests on another one that is not proven."),
        next=N_("Deal with step {number}, then run the check again."),
        exit_code=11,
    ),
    Reference(
        ref="cards.challenge-no-protected-path",
        what=N_("The signature was not asked for: neither the reader nor the components can ask for the code themselves."),
        why=N_("This program never takes the card's code; it must be typed on the reader or in the components' own window."),
        next=N_("Nothing to do. With a pin-pad reader this step becomes possible."),
        exit_code=11,
    ),
    Reference(
        ref="cards.challenge-refused",
        what=N_("The card refused to sign: the code was wrong, locked or not given."),
        why=N_("Without the code the card signs nothing."),
        next=N_("Do not try at random: three wrong codes lock the card. Check the code, then run the check again."),
        exit_code=11,
    ),
    Reference(
        ref="cards.challenge-wrong-signature",
        what=N_("The signature of the card does not match its certificates."),
        why=N_("The keys of the card and the certificates shown do not belong together."),
        next=N_("Clear the card cache (“atsam-safe cards clear-cache”) and try again. If nothing changes, ask the issuer."),
        exit_code=11,
    ),
    Reference(
        ref="cards.challenge-given-up",
        what=N_("Nobody typed the code in time; the signature was given up."),
        why=N_("The program does not wait without end. The card lost no try."),
        next=N_("Run the check again when you are ready."),
        exit_code=11,
    ),
    Reference(
        ref="cards.challenge-failed",
        what=N_("The card could not sign."),
        why=N_("The components failed before or during the signature."),
        next=N_("Run the check without the signature: it tells which step is broken."),
        exit_code=11,
    ),
    Reference(
        ref="cards.cache-stays",
        what=N_("The card cache could not be cleared ({path}): {reason}."),
        why=N_("What stays in it can hide the present state of the card."),
        next=N_("Run the command again with administrator rights."),
        exit_code=11,
    ),
    Reference(
        ref="cards.watch-and-challenge",
        what=N_("--watch and --challenge cannot be used together."),
        why=N_("The card's code would have to be typed again at every insertion."),
        next=N_("Run “atsam-safe cards doctor --challenge” once, without --watch."),
        exit_code=2,
    ),
    Reference(
        ref="cards.watch-and-root",
        what=N_("--watch and --root cannot be used together."),
        why=N_("A volume that does not run has no reader and no card to follow."),
        next=N_("Start that computer from its own volume and run the command there, or leave out --watch."),
        exit_code=2,
    ),
    Reference(
        ref="cards.cache-none",
        what=N_("There is no card cache on this workstation."),
        why=N_("The components have kept nothing, so nothing can be out of date."),
        next=N_("Nothing to do."),
        exit_code=11,
    ),
    Reference(
        ref="association.nothing-before",
        what=N_("There is nothing to compare with: no check was made before."),
        why=N_("Whether it is still the same card can only be said of a change."),
        next=N_("Nothing to do."),
        exit_code=11,
    ),
    Reference(
        ref="association.other-card",
        what=N_("The card is not the one that was there before."),
        why=N_("It belongs to the same holder, or its holder could not be read: software may have to be associated with it again."),
        next=N_("If the card was renewed, associate it again in your medical software. Otherwise insert the card of before."),
        exit_code=11,
    ),
    Reference(
        ref="association.other-holder",
        what=N_("The card belongs to another person than the one that was there before."),
        why=N_("Signatures and connections would be made in another name."),
        next=N_("Insert the card that was there before."),
        exit_code=11,
    ),
    Reference(
        ref="association.other-key",
        what=N_("The card cannot be compared with the one of before: the secret for comparing has changed."),
        why=N_("It is made once per workstation; the earlier report comes from elsewhere, or the state folder was emptied."),
        next=N_("Nothing to do; the next checks can be compared again."),
        exit_code=11,
    ),
)
