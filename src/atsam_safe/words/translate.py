"""From a problem or a phrase to the sentence a person reads, in French or English.

Rules
- English is the language of the source: every message is its own key. French comes from the gettext catalogue beside this module.
- A missing parameter or an unknown reference never raises: the sentence is what matters when things go wrong.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from atsam_safe.words.model import DEFAULT_LANGUAGE, Explained, Problem
from atsam_safe.words.reference import N_, Reference
from atsam_safe.words.registry import find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atsam_safe.words.model import Language

    Options = tuple[tuple[str, str], ...]

# Under these names a sentence is given the code of a fault, and the place where it was found.
_OF_FAULTS: Final = frozenset({"reason", "fault", "detail"})
_OF_PLACES: Final = frozenset({"place", "part"})
# Under these names it is given the name of a step or of what was asked.
_OF_NAMES: Final = frozenset({"stage", "subject"})
_OF_CODES: Final = _OF_FAULTS | _OF_PLACES | _OF_NAMES
_LISTS: Final = frozenset({"readers", "cps_reader", "vitale_reader", "cps_found", "vitale_found"})
# Which releases a set is for: numbers and names, with a few words between them.
_SYSTEMS: Final = frozenset({"needed"})
_BETWEEN: Final = {" and earlier": " et antérieurs", " and later": " et suivants", " and ": " et "}
_DAYS: Final = frozenset({"first_day", "last_day", "date"})
_DAY: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
ACCEPTED: Final = N_("You took this risk yourself (“--accept {ref}”); it is written in the record.")
_GIVEN: ContextVar[Options] = ContextVar("_GIVEN", default=())
_PLACEHOLDER: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")

UNKNOWN: Final = Reference(
    ref="program.unknown-reference",
    what=N_("The program found a problem that it cannot describe yet (reference “{ref}”)."),
    why=N_("Its explanation is missing from this version, so its importance cannot be judged here."),
    next=N_("Do not go on. Give the reference to the person who maintains this workstation."),
    exit_code=1,
)


def _fill(template: str, params: dict[str, str], language: Language) -> str:
    """Put ``params`` into ``template``; a parameter nobody gave becomes a visible “unknown”, never an exception."""
    unknown = "(inconnu)" if language == "fr" else "(unknown)"
    return _PLACEHOLDER.sub(lambda match: str(params.get(match.group(1), unknown)), template)


@contextmanager
def commands_with(*, root: str | None, state_dir: str | None, manifests: str | None) -> Iterator[None]:
    """Inside, every command that a sentence names carries these options (see ``words.named``)."""
    given = (("--root", root), ("--state-dir", state_dir), ("--manifests", manifests))
    token = _GIVEN.set(tuple((flag, value) for flag, value in given if value))
    try:
        yield
    finally:
        _GIVEN.reset(token)


def _named(text: str) -> str:
    """``text`` with the options of this command line in the commands it names; as it is where none were given, or it names none."""
    options = _GIVEN.get()
    if not options or "atsam-safe " not in text:
        return text
    from atsam_safe.words.named import with_options  # noqa: PLC0415 - most sentences name no command

    return with_options(text, options)


def translate(message: str, language: Language) -> str:
    """The template ``message`` in ``language``, placeholders untouched; English itself when the catalogue lacks it."""
    if language == "en":
        return message
    from atsam_safe.words.french import french  # noqa: PLC0415 - an answer in JSON with nothing to explain never reads the catalogue

    return french().get(message, message)


def phrase(message: str, language: Language, **params: object) -> str:
    """A sentence marked with ``N_()`` in ``language``, its ``{placeholders}`` filled."""
    return _named(_fill(translate(message, language), {key: str(value) for key, value in params.items()}, language))


def explain(problem: Problem, language: Language) -> Explained:
    """Fact, reason and next step of ``problem``. An unknown reference gets a careful general sentence that names it."""
    reference = find(problem.told or problem.ref)
    params = dict(problem.params)
    if reference is None:
        reference = UNKNOWN
        params = {"ref": problem.told or problem.ref}
    params = worded(params, language)
    instead = None if problem.followed_by is None else find(problem.followed_by)
    following = ACCEPTED if problem.accepted else (instead or reference).next
    if problem.accepted:
        params = {**params, "ref": problem.ref}
    return Explained(
        ref=problem.ref,
        what=_named(_fill(translate(reference.what, language), params, language)),
        why=_named(_fill(translate(reference.why, language), params, language)),
        next=_named(_fill(translate(following, language), params, language)),
        told=problem.told_elsewhere,
    )


def worded(params: dict[str, str], language: Language) -> dict[str, str]:
    """``params`` with the codes of faults (``compressed-data``, ``writable``) in words; a code without words stays as it is.

    ``argument`` is what the help calls it: ``PACKAGE``, in French « PAQUET ». Names get the quotes and days the order of the language.
    """
    return {name: _worded(name, value, params, language) for name, value in params.items()}


def _worded(name: str, value: str, params: dict[str, str], language: Language) -> str:
    if value == "-" or name in _OF_CODES:
        coded = _worded_code(name, value, language)
        if coded is not None:
            return coded
    if name == "argument" and value.isupper():
        return translate(value, language)
    if name == "limit" and value.isdigit() and "unit" in params:
        return _worded_amount(int(value), params["unit"], language)
    return _in_french(name, value) if language == "fr" else value


def _worded_code(name: str, value: str, language: Language) -> str | None:
    """What stands for a code under this name; ``None`` for a dash that is only a dash."""
    from atsam_safe.words.faults import NONE_OF, STAGES, SUBJECTS  # noqa: PLC0415 - most sentences name no code

    if value == "-" and name in NONE_OF:
        return translate(NONE_OF[name], language)
    if name in _OF_FAULTS:
        return _worded_fault(value, language)
    if name in _OF_PLACES:
        return _worded_place(value, language)
    if name in _OF_NAMES:
        return translate((STAGES if name == "stage" else SUBJECTS).get(value, value), language)
    return None


def _in_french(name: str, value: str) -> str:
    """Names between French quotes, days in the French order."""
    if name in _LISTS:
        return value.replace("“", "« ").replace("”", " »")
    if name in _SYSTEMS:
        for english, french in _BETWEEN.items():
            value = value.replace(english, french)
        return value
    return _DAY.sub(r"\3/\2/\1", value) if name in _DAYS else value


def _worded_fault(text: str, language: Language) -> str:
    """One fault, alone or behind the place where it was found: ``Payload: cut-short``. Each is put in words whatever the other is."""
    from atsam_safe.words.faults import fault_words  # noqa: PLC0415 - see _worded_code

    place, colon, code = str(text).rpartition(": ")
    words = fault_words(code)
    if words is None:
        return _worded_place(text, language)
    said = translate(words, language)
    return f"{_worded_place(place, language)}{_separator(language)}{said}" if colon else said


def _worded_place(text: str, language: Language) -> str:
    """Where in a file: ``table of contents``, or a path inside a member (``Payload: /Library/…``); the names of files stay."""
    from atsam_safe.words.faults import PLACES  # noqa: PLC0415 - see _worded_code

    place, colon, rest = text.partition(": ")
    shown = translate(PLACES.get(place, place), language)
    if not colon:
        return shown
    return f"{shown}{_separator(language)}{rest}" if place in PLACES or rest.startswith("/") else text


def _separator(language: Language) -> str:
    return " : " if language == "fr" else ": "


def _worded_amount(count: int, unit: str, language: Language) -> str:
    """A bound as people read it: ``67,1 Mo``, ``50 000 fichiers``."""
    from atsam_safe.words.amounts import BYTES, UNITS, size  # noqa: PLC0415 - bounds of packages only

    if unit == BYTES:
        return size(count, language)
    number = f"{count:,}".replace(",", " ") if language == "fr" else f"{count:,}"
    return phrase(UNITS.get(unit, "{count}"), language, count=number)


def resolve_language(option: str | None, environ_locale: str | None) -> Language:
    """The language to speak: ``option`` when it is one of ours, else the user's locale, else French.

    ``environ_locale`` is a POSIX locale (``en_GB.UTF-8``); ``C``, ``POSIX``, empty and every language but English mean French.
    """
    for candidate in (option, environ_locale):
        if not candidate:
            continue
        code = re.split(r"[_.@-]", candidate.strip().lower(), maxsplit=1)[0]
        if code == "fr":
            return "fr"
        if code == "en":
            return "en"
    return DEFAULT_LANGUAGE
