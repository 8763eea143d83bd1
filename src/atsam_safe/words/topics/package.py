"""Words of the package reader: what is wrong with an installer. The guard's own refusals about packages are in ``guard_package``."""

from __future__ import annotations

from typing import Final

from atsam_safe.words.reference import N_, Reference

_AGAIN: Final = N_("Download the package again from its publisher's official site, then check it with “atsam-safe inspect”.")
_OFFICIAL: Final = N_("Download the package from its publisher's official site; do not use one received by mail or found elsewhere.")
_NEVER: Final = N_("Do not install it, and tell whoever gave it to you.")

REFERENCES: Final = (
    Reference(
        ref="package.path-missing",
        what=N_("There is nothing at “{path}”."),
        why=N_("Without the file there is nothing to check."),
        next=N_("Check the name of the file or folder."),
        exit_code=2,
    ),
    Reference(
        ref="package.empty",
        what=N_("“{package}” is an empty file."),
        why=N_("The download was interrupted, or the file was emptied."),
        next=_AGAIN,
        exit_code=12,
    ),
    Reference(
        ref="package.not-a-package",
        what=N_("“{package}” is not an installer that this program can read ({fault})."),
        why=N_("What a file contains decides, not its name: this one may be a web page saved under a package's name."),
        next=_AGAIN,
        exit_code=12,
    ),
    Reference(
        ref="package.not-a-package.nothing-inside",
        what=N_("“{package}” holds no installer that this program can read."),
        why=N_("Everything in it was looked at; what a file contains decides, not its name."),
        next=N_("Name the installer itself (.pkg, .dmg or .msi), or the folder that holds it."),
        exit_code=12,
    ),
    Reference(
        ref="package.not-a-package.old-form",
        what=N_("“{package}” is a folder in the form of packages before macOS 10.5; this program cannot read it."),
        why=N_("Such a package carries no signature: nothing proves where it comes from."),
        next=N_("Ask the publisher for the package as a single file (.pkg or .dmg)."),
        exit_code=12,
    ),
    Reference(
        ref="package.program-compressed",
        what=N_("“{package}” is a program that unpacks its installers itself ({technology}): they cannot be seen without running it."),
        why=N_("Nothing is ever run only to see what it would do."),
        next=N_("Ask the publisher for the .msi packages, or unpack the program with 7-Zip, and give the folder that holds them."),
        exit_code=12,
    ),
    Reference(
        ref="package.unreadable",
        what=N_("“{package}” cannot be read ({fault})."),
        why=N_("A package that cannot be read to its end cannot be checked, and nothing unchecked is installed."),
        next=N_("Copy the package to this computer's own disk, check that you may read it, and try again."),
        exit_code=12,
    ),
    Reference(
        ref="package.opener-missing",
        what=N_("“{package}” is a disk image, and no program that opens disk images was found on this computer."),
        why=N_("The installer inside the image cannot be checked before it is taken out."),
        next=N_("Install 7-Zip (package “7zip” or “p7zip-full”), or open the image on a Mac and give the package that is inside."),
        exit_code=12,
    ),
    Reference(
        ref="package.too-large",
        what=N_("“{package}” claims more data than any genuine package has ({place}, limit {limit})."),
        why=N_("Such a file is made to fill the disk or to exhaust the computer."),
        next=_NEVER,
        exit_code=12,
    ),
    Reference(
        ref="package.unsafe-path",
        what=N_("“{package}” wants to put something where no installer may ({path}: {fault})."),
        why=N_("Unpacked, it would write outside its own folders or through a link."),
        next=_NEVER,
        exit_code=12,
    ),
    Reference(
        ref="package.path-collision",
        what=N_("“{package}” contains two things that are one on a Mac's disk ({path} and {other})."),
        why=N_("Which one would remain depends on chance: this is how a checked file is replaced by another."),
        next=_NEVER,
        exit_code=12,
    ),
    Reference(
        ref="package.signature-invalid",
        what=N_("The signature of “{package}” does not hold ({part}: {fault})."),
        why=N_("The package or its signature was changed after its publisher made it."),
        next=_AGAIN,
        exit_code=12,
    ),
    Reference(
        ref="package.foreign-root",
        what=N_("“{package}” carries the signature of “{certificate}”, but no authority known to this program vouches for it."),
        why=N_("Anyone can make a certificate with any name: only the authority at its end gives it value."),
        next=_OFFICIAL,
        exit_code=12,
    ),
    Reference(
        ref="package.expired-certificate",
        what=N_("“{package}” relies on the certificate “{certificate}”, which ended on {date}."),
        why=N_("No trusted timestamp proves that the package was signed before that day."),
        next=_OFFICIAL,
        exit_code=12,
    ),
    Reference(
        ref="package.certificate-not-yet-valid",
        what=N_("“{package}” relies on the certificate “{certificate}”, which begins only on {date}."),
        why=N_("Either the date of this computer is wrong, or the certificate is not genuine."),
        next=N_("Check the date of this computer, then try again."),
        exit_code=12,
    ),
    Reference(
        ref="package.staging-failed",
        what=N_("The package's files cannot be unpacked into “{path}” ({fault})."),
        why=N_("Everything is unpacked and checked beside before anything is installed; without room for it nothing is installed."),
        next=N_("Free some space on the disk, or check the rights on this folder, and start again."),
        exit_code=20,
    ),
    Reference(
        ref="package.denied-signer",
        what=N_("“{package}” is signed with a certificate that must no longer be trusted (“{certificate}”)."),
        why=N_("This certificate is on the list of refused certificates."),
        next=_NEVER,
        exit_code=12,
    ),
)
