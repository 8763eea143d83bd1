"""Words of the guard about the operating system: what cannot be read, what is not for this system, what nobody has confirmed on it."""

from __future__ import annotations

from typing import Final

import msgspec

from atsam_safe.words.reference import N_, Reference

_SYSTEMS: Final = (
    Reference(
        ref="os.unreadable",
        what=N_("The release of the operating system could not be read."),
        why=N_("The right components depend on it: choosing without knowing is how workstations get broken."),
        next=N_("Check that “--root” names the system volume, or have the system repaired first."),
    ),
    Reference(
        ref="os.unreadable.uninstall",
        what=N_("The release of the operating system could not be read. The components can be removed without it."),
        why=N_("Nothing can be installed afterwards before the release can be read: until then the workstation reads no card."),
        next=N_("Check that “--root” names the system volume, and have the system repaired before anything is installed again."),
    ),
    Reference(
        ref="os.compatibility-lie",
        what=N_("The system says that it is macOS {version}, a release that never existed; it is really macOS {hidden} or later."),
        why=N_("macOS gives this number to old programs. The true release is hidden, so the right build cannot be chosen."),
        next=N_(
            "Use a current version of this program, or read the release in the Apple menu and tell the person who maintains the "
            "workstation."
        ),
    ),
    Reference(
        ref="os.wrong-family",
        what=N_("This package is for {expected}; this workstation runs {os}."),
        why=N_("It cannot work here."),
        next=N_("Download the package for {os}."),
    ),
    Reference(
        ref="os.too-old",
        what=N_("{package} is only for {needed}. This workstation runs {os}, which is older."),
        why=N_(
            "Its Cryptolib CPS does not work on this system: the CPS card could no longer be associated (error 777 in the medical "
            "software), and billing may stop too. The publisher's installer does not warn about it."
        ),
        next=N_("Do not install it. The right build for this workstation is {recommended}."),
        acceptable=True,
    ),
    Reference(
        ref="os.too-old.no-build",
        what=N_("{package} is only for {needed}. This workstation runs {os}, which is older."),
        why=N_(
            "Its Cryptolib CPS does not work on this system: the CPS card could no longer be associated (error 777 in the medical "
            "software), and billing may stop too. The publisher's installer does not warn about it."
        ),
        next=N_("Do not install it. Ask the person who maintains the workstation which build is meant for this system."),
    ),
    Reference(
        ref="os.too-old.component",
        what=N_("{package} is only for {needed}. This workstation runs {os}, which is older."),
        why=N_(
            "Components made for a newer system may not start on this one, and the card could become unusable. The publisher's installer "
            "does not warn about it."
        ),
        next=N_("Do not install it; keep to the components of the build made for this system (recommended: {recommended})."),
    ),
    Reference(
        ref="os.too-old.component.no-build",
        what=N_("{package} is only for {needed}. This workstation runs {os}, which is older."),
        why=N_(
            "Components made for a newer system may not start on this one, and the card could become unusable. The publisher's installer "
            "does not warn about it."
        ),
        next=N_("Do not install it. Ask the person who maintains the workstation which build is meant for this system."),
    ),
    Reference(
        ref="os.too-old.minimum",
        what=N_("{package} asks for macOS {minimum} at least. This workstation runs {os}."),
        why=N_("The components would be put in place but could not start."),
        next=N_("Do not install it; look for the build made for this system."),
    ),
    Reference(
        ref="os.too-new",
        what=N_("{package} is for {needed}. This workstation runs {os}, which is newer."),
        why=N_("Components made for an older system may not start on this one, and the card could become unusable."),
        next=N_("Do not install it. The right build for this workstation is {recommended}."),
        acceptable=True,
    ),
    Reference(
        ref="os.too-new.no-build",
        what=N_("{package} is for {needed}. This workstation runs {os}, which is newer."),
        why=N_("Components made for an older system may not start on this one, and the card could become unusable."),
        next=N_("Do not install it. Ask the person who maintains the workstation which build is meant for this system."),
    ),
    Reference(
        ref="os.unlisted",
        what=N_("Nobody has confirmed {package} on {os}; it is known on {needed}."),
        why=N_("What is not known to work is treated like what is known to fail: the practice's income depends on this workstation."),
        next=N_("The build known to work here is {recommended}. To take the risk all the same: “--accept os.unlisted”."),
        acceptable=True,
    ),
    Reference(
        ref="os.unlisted.no-build",
        what=N_("Nobody has confirmed {package} on {os}; it is known on {needed}."),
        why=N_("What is not known to work is treated like what is known to fail: the practice's income depends on this workstation."),
        next=N_("Ask the person who maintains the workstation. To take the risk all the same: “--accept os.unlisted”."),
    ),
    Reference(
        ref="os.unlisted.unknown-release",
        what=N_("{os} is a release that this program does not know at all; {package} is known on {needed}."),
        why=N_("This system is newer than everything reported so far: nobody can say whether the card would still work."),
        next=N_("Look for a newer version of this program. To take the risk all the same: “--accept os.unlisted”."),
    ),
    Reference(
        ref="os.unlisted.inferred",
        what=N_("{package} is only presumed to work on {os}: nobody has reported it."),
        why=N_("A presumption is not enough to change a workstation that earns the practice's living."),
        next=N_("If the vendor confirms it for this system, go on with “--accept os.unlisted”."),
    ),
    Reference(
        ref="os.unlisted.field",
        what=N_("That {package} suits {os} is known from practices; no official document says so."),
        why=N_("What worked elsewhere under this system nearly always works here too, but nobody answers for it."),
        next=N_("Nothing to do. If the card does not work afterwards, “atsam-safe rollback” brings the present state back."),
    ),
)

# several parts that are for different systems: each is told with its own, what follows from it is the same
_SEVERAL: Final = {
    "os.too-old": N_("Each part of the package is only for certain systems: {needed}. This workstation runs {os}, which is older."),
    "os.too-old.component": N_(
        "Each part of the package is only for certain systems: {needed}. This workstation runs {os}, which is older."
    ),
    "os.too-new": N_("Each part of the package is only for certain systems: {needed}. This workstation runs {os}, which is newer."),
    "os.unlisted": N_("Nobody has confirmed {package} on {os}. Where each of them is known: {needed}."),
    "os.unlisted.unknown-release": N_(
        "{os} is a release that this program does not know at all. Where each of the components is known: {needed}."
    ),
}


def _of_several(reference: Reference) -> Reference | None:
    """The same refusal for several parts; ``None`` where the sentences name no systems."""
    base = reference.ref.removesuffix(".no-build")
    if base not in _SEVERAL:
        return None
    ref = f"{base}.several{reference.ref.removeprefix(base)}"
    return msgspec.structs.replace(reference, ref=ref, what=_SEVERAL[base], acceptable=False)


REFERENCES: Final = (
    *_SYSTEMS,
    *(several for reference in _SYSTEMS if (several := _of_several(reference)) is not None),
)
