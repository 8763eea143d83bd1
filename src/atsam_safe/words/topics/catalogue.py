"""References of the version schemes and of the catalogue."""

from __future__ import annotations

from typing import Final

from atsam_safe.words.reference import N_, Reference

_WHY: Final = N_("Every decision rests on the catalogue. A catalogue that is only half understood could allow a wrong installation.")
_NEXT: Final = N_("Correct that line, or go back to the catalogue shipped with the program (leave out --manifests).")

REFERENCES: Final = (
    Reference(
        ref="versions.unreadable",
        what=N_("“{text}” is not a version number the program can read ({scheme})."),
        why=N_(
            "A version that cannot be read cannot be compared, and a wrong comparison could put the wrong component on the workstation."
        ),
        next=N_("Write the number as the publisher prints it, for example 4.41, 3.42.03 or 10.14.6."),
        exit_code=2,
    ),
    Reference(
        ref="manifests.invalid",
        what=N_("The catalogue file {file}, line {line}, is not right."),
        why=_WHY,
        next=_NEXT,
        exit_code=2,
    ),
    Reference(
        ref="manifests.unreadable",
        what=N_("The catalogue folder {folder} cannot be read: {reason}."),
        why=N_("Without a catalogue the program knows nothing about the components and decides nothing."),
        next=N_("Check the folder given with --manifests: it must hold the .toml files of a complete catalogue and be readable."),
        exit_code=2,
    ),
    Reference(
        ref="manifests.syntax",
        what=N_("In {file}, line {line}, the text does not follow the TOML format: {detail}."),
        why=_WHY,
        next=_NEXT,
        exit_code=2,
    ),
    Reference(
        ref="manifests.duplicate-key",
        what=N_("In {file}, line {line}, something is written twice: {detail}."),
        why=_WHY,
        next=_NEXT,
        exit_code=2,
    ),
    Reference(
        ref="manifests.unknown-key",
        what=N_("In {file}, line {line}, the program does not know the key “{key}”."),
        why=_WHY,
        next=_NEXT,
        exit_code=2,
    ),
    Reference(
        ref="manifests.missing-key",
        what=N_("In {file}, line {line}, the key “{key}” is missing."),
        why=_WHY,
        next=_NEXT,
        exit_code=2,
    ),
    Reference(
        ref="manifests.wrong-type",
        what=N_("In {file}, line {line}, “{key}” has a value of the wrong kind: {value} ({detail})."),
        why=_WHY,
        next=_NEXT,
        exit_code=2,
    ),
    Reference(
        ref="manifests.wrong-value",
        what=N_("In {file}, line {line}, “{key}” cannot be “{value}”."),
        why=_WHY,
        next=_NEXT,
        exit_code=2,
    ),
    Reference(
        ref="manifests.duplicate-id",
        what=N_("In {file}, line {line}, “{value}” is described a second time."),
        why=_WHY,
        next=_NEXT,
        exit_code=2,
    ),
    Reference(
        ref="manifests.dangling",
        what=N_("In {file}, line {line}, “{value}” is named but described nowhere."),
        why=_WHY,
        next=_NEXT,
        exit_code=2,
    ),
    Reference(
        ref="manifests.too-large",
        what=N_("In {file}, line {line}: the catalogue is larger than allowed ({limit})."),
        why=_WHY,
        next=_NEXT,
        exit_code=2,
    ),
    Reference(
        ref="manifests.not-utf8",
        what=N_("In {file}, line {line}, the text is not encoded in UTF-8."),
        why=_WHY,
        next=_NEXT,
        exit_code=2,
    ),
    Reference(
        ref="manifests.unknown-file",
        what=N_("{file} is not a file of a catalogue."),
        why=_WHY,
        next=_NEXT,
        exit_code=2,
    ),
    Reference(
        ref="manifests.missing-file",
        what=N_("The catalogue lacks the file {file}."),
        why=_WHY,
        next=_NEXT,
        exit_code=2,
    ),
)
