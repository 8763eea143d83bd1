"""Words about acting on a running Mac."""

from __future__ import annotations

from typing import Final

from atsam_safe.words.reference import N_, Reference

REFERENCES: Final = (
    Reference(
        ref="macos.uninstaller-not-genuine",
        what=N_("The vendor's uninstaller {path} is not one of the known genuine ones, so it was not run."),
        why=N_("It lies in a folder that anybody may write to, and it would have run with all rights."),
        next=N_("Nothing to do: the components are removed by this program itself, from the list of their files."),
    ),
    Reference(
        ref="macos.uninstaller-timed-out",
        what=N_("The vendor's uninstaller {path} did not end in time and was stopped."),
        why=N_("It is only a guest: whatever it left behind is removed afterwards."),
        next=N_("Nothing to do."),
    ),
    Reference(
        ref="macos.uninstaller-asked",
        what=N_("The vendor's uninstaller {path} asked a question nobody expected ({question}) and was stopped."),
        why=N_("A guessed answer could have chosen wrongly."),
        next=N_("Nothing to do: what it left behind is removed afterwards."),
    ),
    Reference(
        ref="macos.uninstaller-went-on",
        what=N_("The vendor's uninstaller {path} ended while something it had started was still at work; that was stopped."),
        why=N_("It could have removed files that are put in place afterwards."),
        next=N_("Nothing to do: what it left behind is removed afterwards."),
    ),
    Reference(
        ref="macos.service-does-not-stop",
        what=N_("The service {service} does not stop ({domain})."),
        why=N_("Its files must not be changed while it runs."),
        next=N_("Restart the Mac, then run the command again."),
        exit_code=20,
    ),
    Reference(
        ref="macos.service-name-unusable",
        what=N_("The file {path} names its service in a way that cannot be used."),
        why=N_("The service could not be stopped: it would go on running while its files are changed."),
        next=N_("Have the file looked at by the person who maintains this workstation, then run the command again."),
        exit_code=20,
    ),
    Reference(
        ref="macos.service-switched-off",
        what=N_("The service {service} was switched off before and was left so ({domain})."),
        why=N_("Somebody chose it, for instance in the Login Items of the System Settings. Software that needs it will not work."),
        next=N_("If the card is not found, switch it on again in System Settings → General → Login Items."),
    ),
    Reference(
        ref="macos.service-does-not-start",
        what=N_("The service {service} does not start ({domain})."),
        why=N_("Software that needs it would not work."),
        next=N_("Restart the Mac, then run “atsam-safe status”."),
        exit_code=20,
    ),
    Reference(
        ref="macos.process-does-not-end",
        what=N_("The program {process} does not end."),
        why=N_("Its files must not be changed while it runs."),
        next=N_("Restart the Mac, then run the command again."),
        exit_code=20,
    ),
    Reference(
        ref="macos.receipt-not-forgotten",
        what=N_("macOS does not forget the installation receipt {receipt}."),
        why=N_("While it is there, the installer of an older release refuses to work."),
        next=N_("Restart the Mac, then run the command again. If it remains, send the report to the person who maintains the program."),
        exit_code=20,
    ),
    Reference(
        ref="macos.installer-refused",
        what=N_("The installer of macOS refused the package {package}: {reason}"),
        why=N_("It changed nothing, and nothing was installed."),
        next=N_("Read the reason; the workstation is brought back to its state before."),
        exit_code=20,
    ),
    Reference(
        ref="macos.installer-needs-rosetta",
        what=N_("The installer of macOS needs Rosetta for the package {package}."),
        why=N_("The components are made for Intel processors, and Rosetta is not installed on this Mac."),
        next=N_("Install Rosetta (“softwareupdate --install-rosetta”), then run the command again."),
        exit_code=20,
    ),
    Reference(
        ref="macos.installer-failed",
        what=N_("The installer of macOS failed on the package {package}: {reason}"),
        why=N_("Files may have been changed, so everything is brought back."),
        next=N_("Read the reason. If it remains, send the report to the person who maintains the program."),
        exit_code=20,
    ),
    Reference(
        ref="macos.installer-timed-out",
        what=N_("The installer of macOS did not end within {minutes} min on the package {package} and was stopped."),
        why=N_("Files may have been changed, so everything is brought back."),
        next=N_("Restart the Mac, then run the command again."),
        exit_code=20,
    ),
    Reference(
        ref="macos.installer-said-yes",
        what=N_("The installer of macOS announced success for the package {package}, but {receipt} {version} is not installed."),
        why=N_("Its word alone proves nothing: the receipt was asked for, and it is not there."),
        next=N_("Restart the Mac, then run the command again."),
        exit_code=20,
    ),
    Reference(
        ref="macos.installer-still-at-work",
        what=N_("macOS is still carrying out the installation that was stopped."),
        why=N_("It could write over files after they were put back."),
        next=N_("Restart the Mac, then run “atsam-safe recover” with “sudo”."),
    ),
    Reference(
        ref="macos.installer-idle",
        what=N_("A service of the system's installer was still there, but no file moved for {seconds} s: the installation is over."),
        why=N_("macOS may keep that service for a while after an installation."),
        next=N_("Nothing to do."),
    ),
    Reference(
        ref="macos.right-restored",
        what=N_("The installer had left the right {right} open; it was put back as it was."),
        why=N_("While it is open, anybody could change which certificates this Mac trusts."),
        next=N_("Nothing to do."),
    ),
    Reference(
        ref="macos.right-not-restored",
        what=N_("The right {right} could not be put back as it was."),
        why=N_("While it is open, anybody could change which certificates this Mac trusts."),
        next=N_("Run “atsam-safe recover” with “sudo”; if it remains, have the Mac seen by the person who maintains it."),
        exit_code=20,
    ),
    Reference(
        ref="macos.certificates-differ",
        what=N_("The certificates of the system keychain are not all as they were before (number: {count})."),
        why=N_("Web services could refuse the card, or accept a certificate they should not."),
        next=N_("Run “atsam-safe recover” with “sudo”."),
        exit_code=20,
    ),
    Reference(
        ref="macos.trust-not-restored",
        what=N_("These certificates are in the system keychain again, but macOS does not trust them: {certificates}"),
        why=N_(
            "Web services that use the card could be refused. Since macOS 11 trust is only given after an administrator’s password was"
            " typed in a window of macOS."
        ),
        next=N_(
            "Sit down at the Mac itself (not over a network), run “atsam-safe recover” with “sudo” in the Terminal (if it was a “rollback"
            " SNAPSHOT” that failed: the same again), and type the password in the window that appears. If none appears, open “Keychain"
            " Access”, System, the certificate, “Trust”, choose “Always Trust”, and run the command again."
        ),
        exit_code=20,
    ),
    Reference(
        ref="macos.trust-left",
        what=N_("macOS still trusts certificates that it did not trust before: {certificates}"),
        why=N_("The installation had them trusted, and macOS did not allow that to be taken back without a password."),
        next=N_("They are official certificates of the health sector. Nothing else to do, unless you want exactly the state before."),
    ),
    Reference(
        ref="macos.password-window",
        what=N_("macOS was asked to change which certificates it trusts, and may have shown a window for an administrator’s password."),
        why=N_("Since macOS 11 it wants this confirmed at the screen; “sudo” is not enough."),
        next=N_("If the window is still there, type the password. What came of it is checked and said."),
    ),
    Reference(
        ref="macos.no-second-net",
        what=N_("macOS made no local snapshot of the disk."),
        why=N_("It would only have been a second net: the program keeps its own saved state and needs nothing else."),
        next=N_("Nothing to do."),
    ),
    Reference(
        ref="macos.cannot-be-asked",
        what=N_("macOS does not answer the command {command}."),
        why=N_("Without its answer the state of the workstation is not known, and unknown is not good."),
        next=N_("Restart the Mac, then run the command again."),
        exit_code=20,
    ),
    Reference(
        ref="macos.not-observed",
        what=N_("The Mac was not looked at before a change."),
        why=N_("What runs on it could then not be put back."),
        next=N_("This is a fault of the program: send the report to the person who maintains it."),
        exit_code=20,
    ),
    Reference(
        ref="macos.not-for-a-running-mac",
        what=N_("The step {step} is not for a running Mac."),
        why=N_("There, only the installer of macOS puts components in place."),
        next=N_("This is a fault of the program: send the report to the person who maintains it."),
        exit_code=20,
    ),
    Reference(
        ref="usage.run-from-temporary",
        what=N_("The program runs from {place}, a temporary place, a download folder or an archive."),
        why=N_(
            "It may be removed at any moment, and then nothing could bring the workstation back; and into a download folder web pages "
            "can put files that would be loaded with the program."
        ),
        next=N_("Install the program in a permanent folder, then run the command again."),
        exit_code=2,
    ),
    Reference(
        ref="macos.applications-protected",
        what=N_("macOS does not allow this program to change the applications {paths}."),
        why=N_(
            "Since macOS 13 the applications of other publishers are protected, from an administrator too. Stopped half-way, "
            "neither the change nor the way back could be finished."
        ),
        next=N_(
            "Open System Settings → Privacy & Security → App Management, allow the program in whose window the command was typed "
            "(the Terminal), and run the command again."
        ),
        exit_code=10,
    ),
    Reference(
        ref="macos.package-not-accepted",
        what=N_("macOS does not accept the signature of the package {package}: {status}"),
        why=N_("Its installer would refuse it after the old components were removed."),
        next=N_("Get the package again from its publisher; check the date and time of the Mac."),
        exit_code=12,
    ),
    Reference(
        ref="macos.package-changed",
        what=N_("The package {package} changed after it was checked."),
        why=N_("What would be installed is not what was verified."),
        next=N_("Copy the package to a disk that nobody else writes to, then run the command again."),
        exit_code=12,
    ),
)
