"""Words of the guard: each rule's refusal, notices, one line for a rule that passed. Others: ``guard_package``, ``guard_systems``."""

from __future__ import annotations

from typing import Final

from atsam_safe.words.reference import N_, Reference

REFERENCES: Final = (
    Reference(
        ref="arch.not-native",
        what=N_("The package is for {expected} processors; this workstation has a {hardware} one."),
        why=N_("The components could not start."),
        next=N_("Download the package made for this processor."),
        acceptable=True,
    ),
    Reference(
        ref="arch.not-native.component",
        what=N_("{component} is made for {expected} processors; this workstation has a {hardware} one."),
        why=N_("It could not start."),
        next=N_("Look for a build made for this processor."),
    ),
    Reference(
        ref="arch.rosetta-missing",
        what=N_(
            "For Intel processors only: {components}. Rosetta 2, which translates for the Apple processor of this Mac, is not installed."
        ),
        why=N_("Without Rosetta 2 these components cannot start, and the software that needs them stops working."),
        next=N_("Install Rosetta 2 first: “softwareupdate --install-rosetta” in the Terminal, or open any Intel program and accept."),
        acceptable=True,
    ),
    Reference(
        ref="arch.rosetta-missing.hardware-unknown",
        what=N_("For Intel processors only: {components}. The volume does not tell which processor this Mac has."),
        why=N_("On an Apple processor they need Rosetta 2; whether it is there could not be checked."),
        next=N_(
            "Look in the Apple menu, “About This Mac”. On an Intel Mac, or with Rosetta 2 installed, go on with “--accept "
            "arch.rosetta-missing”."
        ),
    ),
    Reference(
        ref="arch.rosetta-missing.declared",
        what=N_("The package names Intel processors alone, but its programs are made for Apple's too: {components}."),
        why=N_("The components run here without Rosetta 2. The installer of macOS itself goes by what the package names and asks for it."),
        next=N_(
            "If Rosetta 2 is asked for, install it: “softwareupdate --install-rosetta” in the Terminal. On a volume nothing asks for it."
        ),
    ),
    Reference(
        ref="arch.rosetta-missing.present",
        what=N_("For Intel processors only: {components}. Here they run through Rosetta 2, which is installed."),
        why=N_("If Rosetta 2 is removed one day, they will stop."),
        next=N_("Nothing to do; keep Rosetta 2."),
    ),
    Reference(
        ref="bundle.mixed",
        what=N_("The workstation would have a mixture of several builds: {set}."),
        why=N_(
            "Components of different builds side by side are a known cause of cards that stop working. What is offered: {offered}; what "
            "is installed: {installed}."
        ),
        next=N_("Install one whole build instead: for {os} it is {recommended}."),
        acceptable=True,
    ),
    Reference(
        ref="bundle.mixed.no-build",
        what=N_("The workstation would have a mixture of several builds: {set}."),
        why=N_(
            "Components of different builds side by side are a known cause of cards that stop working. What is offered: {offered}; what "
            "is installed: {installed}."
        ),
        next=N_("Use the packages of one single build together."),
    ),
    Reference(
        ref="bundle.mixed.twice",
        what=N_("The packages bring {components} twice, in different versions."),
        why=N_("Only one of the two can be installed, and which one would be left to chance."),
        next=N_("Keep only the packages of one build in the folder."),
    ),
    Reference(
        ref="bundle.unlisted",
        what=N_("The resulting set is not a known one: {set}."),
        why=N_("Nobody has reported these versions working together."),
        next=N_("The build known for {os} is {recommended}. To take the risk all the same: “--accept bundle.unlisted”."),
        acceptable=True,
    ),
    Reference(
        ref="bundle.unlisted.no-build",
        what=N_("The resulting set is not a known one: {set}."),
        why=N_("Nobody has reported these versions working together."),
        next=N_("Ask the person who maintains the workstation. To take the risk all the same: “--accept bundle.unlisted”."),
    ),
    Reference(
        ref="bundle.incomplete",
        what=N_("After this installation {components} would be missing. The workstation would have: {set}."),
        why=N_("The components work only together: with one missing, the card cannot be used."),
        next=N_("Give the packages of all the components, or the whole build: for {os} it is {recommended}."),
        acceptable=True,
    ),
    Reference(
        ref="bundle.incomplete.no-build",
        what=N_("After this installation {components} would be missing. The workstation would have: {set}."),
        why=N_("The components work only together: with one missing, the card cannot be used."),
        next=N_("Give the packages of all the components together."),
    ),
    Reference(
        ref="bundle.incomplete.damaged",
        what=N_("Only {offered} would be replaced, but {components}, which would stay, is damaged or not whole."),
        why=N_("A good component beside a damaged one does not make a working workstation."),
        next=N_("Install the whole build instead: for {os} it is {recommended}."),
    ),
    Reference(
        ref="bundle.downgrade-needs-uninstall",
        what=N_("The installed components are newer than those of the package: {changes}."),
        why=N_("Their installer refuses to go down while the newer one is there, so they must be removed completely first."),
        next=N_("Run “atsam-safe install”: it removes everything first, keeps a way back, then installs."),
        acceptable=True,
    ),
    Reference(
        ref="bundle.downgrade-needs-uninstall.handled",
        what=N_("This goes back to older versions: {changes}."),
        why=N_("The publisher's installer would refuse; here the present components are removed first, with a way back."),
        next=N_("Nothing to do."),
    ),
    Reference(
        ref="bundle.downgrade-needs-uninstall.optional",
        what=N_("The package also goes back to an older version of an optional component: {changes}."),
        why=N_("It is replaced with the rest, with a way back. The card does not depend on it."),
        next=N_("If you need the newer version, install it again afterwards."),
    ),
    Reference(
        ref="bundle.card-unreadable",
        what=N_("A {card} card is in the reader: {component} {version} cannot read it, {installed}, which is installed, can."),
        why=N_("A {card} needs {component} {minimum} or later: after the change this card would be dead on this workstation."),
        next=N_(
            "Keep what is installed. If the practice works with another card only, take the risk with “--accept bundle.card-unreadable”."
        ),
        acceptable=True,
    ),
    Reference(
        ref="bundle.card-unreadable.not-seen",
        what=N_("{component} {version} cannot read {card} cards; {installed}, which is installed, can."),
        why=N_("A {card} needs {component} {minimum} or later. No {card} was seen in a reader, but the practice may have one."),
        next=N_(
            "If anybody here has a {card}, keep what is installed: the card would be dead on this workstation. “atsam-safe cards doctor” "
            "tells which card is in the reader."
        ),
    ),
    Reference(
        ref="bundle.alternative",
        what=N_("{components} is another version than the one that {bundle} installs."),
        why=N_("The catalogue lists it as working with the rest of {bundle}."),
        next=N_("Nothing to do."),
    ),
    Reference(
        ref="bundle.alternative.used",
        what=N_("{components} is another version than the one that {bundle} installs."),
        why=N_("The catalogue lists it as working with the rest of {bundle}."),
        next=N_("Nothing to do."),
    ),
    Reference(
        ref="dependents.present",
        what=N_("Other software on this workstation uses these components: {dependents}."),
        why=N_("Without them it can no longer reach the card."),
        next=N_("Make sure that nobody needs it any more, then go on with “--accept dependents.present”."),
        acceptable=True,
    ),
    Reference(
        ref="dependents.present.done",
        what=N_("Other software on this workstation uses these components: {dependents}."),
        why=N_("Its own files were not touched, and it was checked again."),
        next=N_("Start it, and check that it reads the card."),
    ),
    Reference(
        ref="dependents.present.around",
        what=N_("Other software on this workstation uses these components: {dependents}."),
        why=N_("Its own files are not touched; the components it uses are replaced under it."),
        next=N_("Close it before you start."),
    ),
    Reference(
        ref="dependents.present.back",
        what=N_("Other software on this workstation uses these components: {dependents}."),
        why=N_("Its own files were not touched; the components it uses are those of before again."),
        next=N_("Start it, and check that it reads the card."),
    ),
    Reference(
        ref="dependents.present.rehearsed",
        what=N_("Other software on this workstation uses these components: {dependents}."),
        why=N_("Nothing has changed for it: this was only a rehearsal. The installation itself does not touch its own files either."),
        next=N_("Close it before the installation itself."),
    ),
    Reference(
        ref="dependents.present.unchanged",
        what=N_("Other software on this workstation uses these components: {dependents}."),
        why=N_("Nothing has changed for it."),
        next=N_("Nothing to do as long as nothing is installed or removed."),
    ),
    Reference(
        ref="dependents.present.kept",
        what=N_("Other software on this workstation uses these components: {dependents}."),
        why=N_("Its own files are not touched, and it is checked again after the installation."),
        next=N_("Close it before you start."),
    ),
    Reference(
        ref="processes.blocking",
        what=N_("These programs are running and use the card or the components: {processes}."),
        why=N_("Files in use cannot be replaced safely, and a claim being sent could be cut short."),
        next=N_("Quit them (menu, then “Quit”), then start again."),
        acceptable=True,
    ),
    Reference(
        ref="processes.blocking.windows",
        what=N_("These programs are running and use the card or the components: {processes}."),
        why=N_("Files in use cannot be replaced safely, and a claim being sent could be cut short."),
        next=N_(
            "Close them, then start again. A browser without any window may still work in the background: "
            "end it in the Task Manager (Ctrl+Shift+Esc)."
        ),
        acceptable=True,
    ),
    Reference(
        ref="system.restart-pending",
        what=N_("The system waits for a restart."),
        why=N_("Another installation is only half finished until then."),
        next=N_("Restart the computer, then start again."),
        acceptable=True,
    ),
    Reference(
        ref="system.restart-by-starting",
        what=N_("The package asks for a restart, and this system is not running."),
        why=N_("What was installed works only once the system has been started."),
        next=N_("Start the workstation from this disk once before anybody works with the card."),
    ),
    Reference(
        ref="system.installer-running",
        what=N_("Another installation is under way."),
        why=N_("Two installations at once can damage each other."),
        next=N_("Wait until it has finished, then start again."),
    ),
    Reference(
        ref="system.gatekeeper-off",
        what=N_("The system's own protection against unknown programs (Gatekeeper) is switched off."),
        why=N_("Another product's installation may have done this and left it so."),
        next=N_("Switch it on again: “sudo spctl --master-enable” in the Terminal."),
    ),
    Reference(
        ref="system.gatekeeper-off.seen",
        what=N_("The system's own protection against unknown programs (Gatekeeper) is switched off."),
        why=N_("Another product's installation may have done this and left it so."),
        next=N_("Switch it on again: “sudo spctl --master-enable” in the Terminal."),
    ),
    Reference(
        ref="system.on-battery",
        what=N_("The computer runs on its battery."),
        why=N_("If it goes off in the middle, the program recovers at the next start, but time is lost."),
        next=N_("Plug it in."),
    ),
    Reference(
        ref="system.on-battery.seen",
        what=N_("The computer runs on its battery."),
        why=N_("If it goes off in the middle, the program recovers at the next start, but time is lost."),
        next=N_("Plug it in."),
    ),
    Reference(
        ref="space.too-little",
        what=N_("{needed} MB of free space are needed; {free} MB are there."),
        why=N_("The room for going back is set aside before anything is changed: without it, nothing is started."),
        next=N_("Empty the Trash or move large files elsewhere, then start again."),
    ),
    Reference(
        ref="space.too-little.disk",
        what=N_("{needed} MB of free space are needed on the disk of {disk}; {free} MB are there."),
        why=N_("The room for going back is set aside before anything is changed: without it, nothing is started."),
        next=N_("Make room on that disk, then start again."),
    ),
    Reference(
        ref="volume.read-only",
        what=N_("The system volume cannot be written to."),
        why=N_("Nothing can be installed, removed or kept there."),
        next=N_("Mount it for writing, or check the disk."),
    ),
    Reference(
        ref="privileges.missing",
        what=N_("Administrator rights are missing."),
        why=N_("The components belong to the whole system; only an administrator may change them."),
        next=N_("Start the command again with “sudo”."),
        exit_code=13,
    ),
    Reference(
        ref="privileges.missing.windows",
        what=N_("Administrator rights are missing."),
        why=N_("The components belong to the whole system; only an administrator may change them."),
        next=N_("Close this window, open a command prompt with a right click, “Run as administrator”, then start the same command again."),
        exit_code=13,
    ),
    Reference(
        ref="state.interrupted-run",
        what=N_("An earlier run ({run}) did not end."),
        why=N_("The workstation may be half changed: it must first be brought back to a known state."),
        next=N_("Run “atsam-safe recover”."),
    ),
    Reference(
        ref="state.damaged",
        what=N_("The program's own folder of snapshots cannot be used ({reason})."),
        why=N_("The way back is kept there. It is never overwritten, in case something can still be saved."),
        next=N_(
            "Give this message to the person who maintains the workstation. "
            "Each snapshot in that folder still holds a restore.sh that works without this program."
        ),
    ),
    Reference(
        ref="components.foreign-files",
        what=N_("The folders of the components hold files that no package put there."),
        why=N_("These folders go as a whole, and the files with them. They are in the snapshot."),
        next=N_("Copy them elsewhere first if somebody needs them."),
    ),
    Reference(
        ref="components.foreign-files.saved",
        what=N_("The folders of the components hold files that no package put there (number: {count}): {paths}."),
        why=N_("These folders go as a whole, and the files with them. They are in the snapshot."),
        next=N_("Copy them elsewhere first if somebody needs them."),
    ),
    Reference(
        ref="components.foreign-files.taken",
        what=N_("Files that no package had put there went with the folders of the components (number: {count}): {paths}."),
        why=N_("A copy of each is in the snapshot {snapshot}."),
        next=N_(
            "“atsam-safe rollback” brings everything back as it was before. To get only these files, give this message to the person who "
            "maintains the workstation: in {place}, manifest.json names the copy of each (“sha256”, in the folder “objects”)."
        ),
    ),
    Reference(
        ref="components.foreign-files.undecided",
        what=N_("The folders of the components hold files that may belong to other software (number: {count}): {paths}."),
        why=N_("An installation receipt of other software cannot be read: nobody can tell whose these files are."),
        next=N_("They are left where they are. Nothing to do."),
    ),
    Reference(
        ref="components.foreign-files.others",
        what=N_("Files of other software in the folders of the components were left where they are (number: {count}): {paths}."),
        why=N_("They belong to: {owners}."),
        next=N_("Nothing to do."),
    ),
    Reference(
        ref="components.altered-files",
        what=N_("A receipt calls files the components' that are not what their package brought."),
        why=N_("Nothing else says that they belong to the components: they may be somebody's own by now."),
        next=N_("They are left as they are. Remove them yourself if nobody needs them."),
    ),
    Reference(
        ref="components.altered-files.kept",
        what=N_("A receipt calls files the components' that are not what their package brought (number: {count}): {paths}."),
        why=N_("Nothing else says that they belong to the components: they may be somebody's own by now."),
        next=N_("They are left as they are. Remove them yourself if nobody needs them."),
    ),
    Reference(
        ref="config.not-a-file",
        what=N_("In the place of the configuration file {path} there is something else: a folder or a device."),
        why=N_("It would be kept as if it were your settings, and the components would find none."),
        next=N_("Give it another name, then start again: the package then puts its own file there."),
    ),
    Reference(
        ref="config.ini-pair-broken.kept",
        what=N_("{path} is there without {other}."),
        why=N_("The publisher's installer would delete it, and the description of your readers with it. Here it is kept."),
        next=N_("Nothing to do."),
    ),
    Reference(
        ref="receipts.damaged.foreign",
        what=N_("The installation receipt of other software cannot be read: {receipts}."),
        why=N_("Which files belong to it is not known: what may be its own in the folders of the components is left where it is."),
        next=N_("Nothing to do for ATSAM; tell the person who maintains the workstation."),
    ),
    Reference(
        ref="receipts.damaged.whose",
        what=N_(
            "The installation receipt of other software cannot be read ({receipts}), and nothing tells whose files lie in folders of the "
            "components (number: {count}): {paths}."
        ),
        why=N_("These folders would go as a whole, and files of the other software with them."),
        next=N_(
            "Have the other software installed again, which renews its receipt. If none of these files is its own, go on with "
            "“--accept receipts.damaged”: they are kept in the snapshot."
        ),
        acceptable=True,
    ),
    Reference(
        ref="receipts.orphan.forgotten",
        what=N_("The system believes that {receipt} is installed, but its files are gone."),
        why=N_("The publisher's installer would refuse because of it; it is forgotten during the installation."),
        next=N_("Nothing to do."),
    ),
    Reference(
        ref="accept.unknown-rule",
        what=N_("“{ref}” is not the reference of a rule."),
        why=N_("A risk is accepted by the exact reference of its rule, so that the record says what was accepted."),
        next=N_("Run “atsam-safe check” and copy the reference it shows."),
        exit_code=2,
    ),
    Reference(
        ref="accept.unknown-rule.like",
        what=N_("“{ref}” is not the reference of a rule."),
        why=N_("A risk is accepted by the exact reference of its rule, so that the record says what was accepted."),
        next=N_("Like it, there are: {close}. “atsam-safe check” shows the references that concern this workstation."),
        exit_code=2,
    ),
    Reference(
        ref="accept.not-acceptable",
        what=N_("The rule “{ref}” cannot be accepted."),
        why=N_("What it protects against is not a risk to be weighed: it would fail, or nobody could answer for it."),
        next=N_("Do what the rule says instead."),
        exit_code=2,
    ),
)

# One line per rule: what was checked, for a rule that passed or does not apply.
TITLES: Final = {
    "package.damaged": N_("The package is whole and readable"),
    "package.unsigned": N_("The package is signed"),
    "package.untrusted": N_("The signature comes from a trusted authority"),
    "package.wrong-signer": N_("Each component is signed by its own publisher"),
    "package.unlisted-build": N_("A package with components of several publishers is a known build"),
    "package.not-atsam": N_("The package holds components of ATSAM"),
    "package.unknown-part": N_("Every part of the package is known"),
    "package.left-out": N_("The package's own choices leave no known part out"),
    "package.no-content": N_("Every component brings its files"),
    "package.no-bill": N_("Every component lists its files"),
    "package.unknown-release": N_("Every component is a known release"),
    "package.overwrites-foreign": N_("Nothing of other software would be overwritten"),
    "package.writes-system": N_("Nothing is written in folders of macOS itself or in people’s homes"),
    "package.writes-own-folder": N_("Nothing is written into this program’s own folder"),
    "package.path-collision": N_("What the components bring can lie side by side"),
    "package.unknown-paths": N_("Every component keeps to its known places"),
    "package.essential-missing": N_("Every component brings its programs"),
    "package.essential-unusable": N_("The programs of every component can run here"),
    "os.unreadable": N_("The release of the system can be read"),
    "os.compatibility-lie": N_("The release of the system is the true one"),
    "os.wrong-family": N_("The package is for this family of systems"),
    "os.too-old": N_("This system is not too old for the package"),
    "os.too-new": N_("This system is not too recent for the package"),
    "os.unlisted": N_("The package is known on this system"),
    "arch.not-native": N_("The package suits this processor"),
    "arch.rosetta-missing": N_("What is made for Intel processors can run here"),
    "bundle.mixed": N_("The resulting components come from one build"),
    "bundle.unlisted": N_("The resulting set is a known one"),
    "bundle.incomplete": N_("No component is missing"),
    "bundle.downgrade-needs-uninstall": N_("Nothing goes back to an older version"),
    "bundle.card-unreadable": N_("Every card that can be read now can be read afterwards"),
    "bundle.alternative": N_("The versions are those that the build installs"),
    "dependents.present": N_("Other software that uses the components"),
    "processes.blocking": N_("No program in use stands in the way"),
    "system.restart-pending": N_("No restart is pending"),
    "system.installer-running": N_("No other installation is under way"),
    "system.gatekeeper-off": N_("The system's own protection (Gatekeeper) is on"),
    "system.on-battery": N_("The computer is plugged in"),
    "space.too-little": N_("There is enough free space, also for going back"),
    "volume.read-only": N_("The system volume can be written to"),
    "privileges.missing": N_("Administrator rights"),
    "state.locked": N_("No other run of this program is under way"),
    "state.interrupted-run": N_("No earlier run is unfinished"),
    "state.damaged": N_("The folder of snapshots is sound"),
    "config.ini-pair-broken": N_("galss.ini and io_comm.ini are together"),
    "components.foreign-files": N_("The folders of the components hold nothing of others"),
    "components.altered-files": N_("What the receipts list is what the packages brought"),
    "config.not-a-file": N_("The configuration files are files"),
    "receipts.damaged": N_("The installation receipts can be read"),
    "receipts.orphan": N_("Every receipt has its files"),
    "windows.code-shared": N_("No other product has the package's product code"),
    "package.launch-condition": N_("The package's own conditions are met on this computer"),
    "windows.external-cabinet": N_("The package is whole in one file"),
    "windows.other-uninstaller": N_("Every component can be removed by Windows Installer"),
    "windows.protected-software": N_("No database, medical record or remote control on this computer"),
}

NOT_APPLICABLE: Final = N_("Not applicable here, or not observable.")
