"""Words of the guard about the package itself: who made it, what is in it, where it would write."""

from __future__ import annotations

from typing import Final

from atsam_safe.words.reference import N_, Reference

REFERENCES: Final = (
    Reference(
        ref="package.damaged",
        what=N_("“{package}” is damaged, was changed after it was made, or is not an installer ({reason})."),
        why=N_("What it contains cannot be relied upon: installing it could leave the card unusable."),
        next=N_("Download it again from the official site and check it once more with “atsam-safe inspect”."),
        exit_code=12,
    ),
    Reference(
        ref="package.damaged.several",
        what=N_("Several files are damaged, were changed after they were made, or are not installers: {package}."),
        why=N_("What they contain cannot be relied upon: installing them could leave the card unusable."),
        next=N_("“atsam-safe inspect” says what is wrong with each. Download them again from the official site."),
        exit_code=12,
    ),
    Reference(
        ref="package.unsigned",
        what=N_("“{package}” carries no signature."),
        why=N_("Nobody answers for what it contains: anyone could have made it."),
        next=N_("Download the signed package from the official site."),
        exit_code=12,
    ),
    Reference(
        ref="package.untrusted",
        what=N_("“{package}” is signed, but not by an authority known to this program ({reason})."),
        why=N_("A signature is worth only what the authority behind it is worth."),
        next=N_("Download the package from the official site; do not use one that was received by mail or found elsewhere."),
        exit_code=12,
    ),
    Reference(
        ref="package.untrusted.several",
        what=N_("Several packages are signed, but not by an authority known to this program: {package}."),
        why=N_("A signature is worth only what the authority behind it is worth."),
        next=N_("“atsam-safe inspect” says what is wrong with each. Download them again from the official site."),
        exit_code=12,
    ),
    Reference(
        ref="package.wrong-signer",
        what=N_("“{package}” is signed by {signer}, who does not publish this: {component} (expected: {expected})."),
        why=N_("A genuine signature of somebody else proves nothing about it."),
        next=N_("Download the package from the official site of its publisher."),
        exit_code=12,
    ),
    Reference(
        ref="package.wrong-signer.presumed",
        what=N_("“{package}” is signed by {signer}. That this is the right publisher is presumed for: {components}."),
        why=N_(
            "The signature itself was checked and is genuine. But no genuine package of this kind was ever at hand: the publisher is "
            "deduced from what he is known to sign ({known})."
        ),
        next=N_("Nothing to do if the package comes from the official site. If it came any other way, download it there."),
        exit_code=12,
    ),
    Reference(
        ref="package.wrong-signer.presumed-by-name",
        what=N_("“{package}” is signed by {signer}. That this is the right publisher is presumed for: {components}."),
        why=N_(
            "The signature itself was checked and is genuine. But no genuine package of this kind was ever at hand: the publisher is "
            "deduced from his name alone."
        ),
        next=N_("Nothing to do if the package comes from the official site. If it came any other way, download it there."),
        exit_code=12,
    ),
    Reference(
        ref="package.unlisted-build",
        what=N_("“{package}” was put together by {signer}, who makes the ATSAM builds. This one is not in the catalogue: {set}."),
        why=N_(
            "Of another publisher: {components}. The signature answers for that only in the builds that the catalogue lists "
            "({builds}); whether this set works has not been reported."
        ),
        next=N_(
            "The signature is genuine: downloading it again changes nothing. The build known for {os} is {recommended}. For another one, "
            "wait until a newer version of this program lists it."
        ),
    ),
    Reference(
        ref="package.unlisted-build.no-build",
        what=N_("“{package}” was put together by {signer}, who makes the ATSAM builds. This one is not in the catalogue: {set}."),
        why=N_(
            "Of another publisher: {components}. The signature answers for that only in the builds that the catalogue lists "
            "({builds}); whether this set works has not been reported."
        ),
        next=N_(
            "The signature is genuine: downloading it again changes nothing. Wait until a newer version of this program lists it, or ask "
            "the person who maintains the workstation which build is meant for {os}."
        ),
    ),
    Reference(
        ref="package.not-atsam",
        what=N_("“{package}” holds none of the components of ATSAM."),
        why=N_("This program installs GALSS, SrvSVCNAM and Cryptolib CPS, and nothing else."),
        next=N_("Check that this is the right file."),
    ),
    Reference(
        ref="package.not-atsam.left-out",
        what=N_("“{package}” holds components of ATSAM, but its own choices leave all of them out."),
        why=N_("Apple's installer goes by these choices, too: nothing would be installed."),
        next=N_("Check that this is the right file."),
    ),
    Reference(
        ref="package.left-out",
        what=N_("This program does not install these parts of the package: {parts}."),
        why=N_(
            "The package's own choices leave them out unless somebody asks for them, or do not say plainly what becomes of them. Apple's "
            "installer goes by the same choices."
        ),
        next=N_("Nothing to do. If you need one of them, install it from its own package."),
    ),
    Reference(
        ref="package.unknown-part",
        what=N_("The package has parts that this program does not know: {parts}."),
        why=N_(
            "Nobody can say what they change. On a disk that is not running they are left out; on a running Mac its own installer puts "
            "them in place too."
        ),
        next=N_("Ask the vendor what they are. If the vendor confirms that they do no harm, go on with “--accept package.unknown-part”."),
        acceptable=True,
    ),
    Reference(
        ref="package.no-content",
        what=N_("“{package}” claims to be {components} but holds scripts only, no file to install."),
        why=N_("Vendors' scripts are never run blindly; without its files the component would be removed and nothing put in its place."),
        next=N_("Download the complete package from the official site of its publisher."),
    ),
    Reference(
        ref="package.no-bill",
        what=N_("“{package}” brings {components} without a list of its files (bill of materials)."),
        why=N_(
            "Nothing could tell later which files were installed, so they could neither be checked nor removed. Genuine packages have it."
        ),
        next=N_("Download the complete package from the official site of its publisher."),
    ),
    Reference(
        ref="package.unknown-release",
        what=N_("This program does not know {releases}."),
        why=N_("Nobody has reported how this release behaves, so what it would do to this workstation is not known."),
        next=N_(
            "Wait until it is listed. If the vendor named this very release for this workstation, use “--accept package.unknown-release”."
        ),
        acceptable=True,
    ),
    Reference(
        ref="package.unknown-release.optional",
        what=N_("The package also brings {releases}, a release that this program does not know."),
        why=N_("It is an optional component: the card does not depend on it."),
        next=N_("Nothing to do."),
    ),
    Reference(
        ref="package.writes-system",
        what=N_("{component}: the package would write in folders of macOS itself (files: {count}, first {path})."),
        why=N_(
            "No ATSAM component has any file there. The package was altered, or is not what it claims to be, even with a valid signature."
        ),
        next=N_("Do not install it. Download it again from the publisher's site, and show this message to the publisher."),
        exit_code=12,
    ),
    Reference(
        ref="package.writes-system.homes",
        what=N_("{component}: the package would write in the home folder of somebody (files: {count}, first {path})."),
        why=N_(
            "Keys, start-up files and private documents lie there, and no package of an ATSAM component has any file there. "
            "It was altered, or is not what it claims to be, even with a valid signature."
        ),
        next=N_("Do not install it. Download it again from the publisher's site, and show this message to the publisher."),
        exit_code=12,
    ),
    Reference(
        ref="package.writes-own-folder",
        what=N_("{component}: the package writes into this program’s own folder ({path}; such paths: {count})."),
        why=N_("What is needed for going back is kept there. No component has any business in it."),
        next=N_("Do not install this package. Ask the publisher why it writes there."),
    ),
    Reference(
        ref="package.path-collision.together",
        what=N_(
            "{component} brings {path}, and {other_component} brings {other}: on a Mac's disk these cannot both be there (such paths: "
            "{count})."
        ),
        why=N_("Which one would remain depends on chance: this is how a checked file is replaced by another, or led elsewhere by a link."),
        next=N_("Do not install these packages together. Show this message to their publishers."),
        exit_code=12,
    ),
    Reference(
        ref="package.path-collision.settings",
        what=N_("{component} brings {path}: on a Mac's disk this is the settings file {other}, which is kept."),
        why=N_("It would take the place of your settings under another spelling of their name. No genuine package does that."),
        next=N_("Do not install it, and show this message to its publisher."),
        exit_code=12,
    ),
    Reference(
        ref="package.unknown-paths",
        what=N_(
            "{component}: the package brings programs or start-up files that this component never had (number: {count}, first {path})."
        ),
        why=N_("They could run on the workstation without anybody having asked for them, at every start of the computer."),
        next=N_("Ask the publisher what they are for. If the publisher confirms them: “--accept package.unknown-paths”."),
        acceptable=True,
    ),
    Reference(
        ref="package.unknown-paths.seen",
        what=N_("{component}: the package brings files to places that are not known of it (number: {count}, first {path})."),
        why=N_("None of them is a program or is started by the system; a later removal finds them through the receipt."),
        next=N_("Nothing to do. If other software uses that place, ask the publisher first."),
    ),
    Reference(
        ref="package.essential-missing",
        what=N_("{component}: the package is without programs that this component needs (missing or empty: {count}, first {path})."),
        why=N_("The card or the readers would not work afterwards, although everything the package lists would be in place."),
        next=N_(
            "Download the package again from the publisher's site. If the publisher says that its installer puts these programs in place "
            "by other means: “--accept package.essential-missing”; what is then still missing at the end undoes the installation."
        ),
        acceptable=True,
    ),
    Reference(
        ref="package.essential-unusable",
        what=N_("{component}: {path} is made for {architectures} processors; nothing of it runs on this workstation ({hardware}, {os})."),
        why=N_("The system would not start it, and the card or the readers would not work."),
        next=N_("Get the package for this workstation from the publisher."),
    ),
    Reference(
        ref="package.essential-unusable.minimum",
        what=N_("{component}: {path} needs macOS {minimum} or later; this workstation has {os}."),
        why=N_("The system would not start it, and the card or the readers would not work."),
        next=N_("Get the package for this workstation from the publisher."),
    ),
    Reference(
        ref="package.overwrites-foreign",
        what=N_("The package would overwrite files of other software: {count}, first {path} ({owner})."),
        why=N_("That software could stop working."),
        next=N_(
            "Ask the person who maintains the workstation. To take the risk all the same: “--accept package.overwrites-foreign”; what was "
            "there can be brought back."
        ),
        acceptable=True,
    ),
    Reference(
        ref="package.overwrites-foreign.unclaimed",
        what=N_("The package would overwrite files that neither a component nor a receipt accounts for: {count}, first {path}."),
        why=N_("Somebody put them there. It is not known who needs them."),
        next=N_(
            "Have a look at them. To replace them all the same: “--accept package.overwrites-foreign”; what was there can be brought back."
        ),
    ),
)
