"""What a practice or a program may see, and what it means: the shape of ``symptoms.toml``."""

# Annotations are not postponed here: msgspec would compile each of them again at every start.

from typing import Literal

from atsam_safe.catalogue.statement import Family, Statement


class Symptom(Statement, frozen=True, kw_only=True):
    """One thing a person or a program may see, and what it means. Data for ``diagnose``.

    - ``id``: stable, kebab-case. ``system``: where it comes from: a return code of ``galss``, ``fsv``, ``pkcs11`` or ``msi``, a
      ``card`` status, or a ``message``/``situation``.
    - ``code``/``code_last``: the number (a range when both are given); ``name``: the symbolic name (``CKR_PIN_LOCKED``).
    - ``match``: texts by which it is recognised in what a person typed or a log says.
    - ``cause``: whose fault it is (``none``: normal or harmless); ``component``: id of the component concerned, if one is.
    - ``meaning_…``/``remedy_…``: plain sentences in French and English. ``families``: systems on which it is met.
    """

    id: str
    system: Literal["galss", "fsv", "pkcs11", "card", "msi", "message", "situation"]
    code: int | None = None
    code_last: int | None = None
    name: str | None = None
    match: tuple[str, ...] = ()
    cause: Literal["workstation", "reader", "card", "other-software", "network", "national-service", "user", "none", "unknown"]
    component: str | None = None
    families: tuple[Family, ...] = ("macos", "windows")
    meaning_fr: str
    meaning_en: str
    remedy_fr: str
    remedy_en: str
