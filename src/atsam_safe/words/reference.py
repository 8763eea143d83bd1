"""The shape of a reference: one refusal, finding or error with its words in English; French comes from the gettext catalogue."""

from __future__ import annotations

import msgspec


def N_(message: str) -> str:  # noqa: N802 - the conventional gettext marker, known to the extractor under this name
    """Mark ``message`` for extraction without translating it here."""
    return message


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """A stable reference (kebab-case, dotted by topic, never reused) and its three sentences.

    ``acceptable``: ``--accept REF`` may pass it (never true for trust refusals). ``exit_code``: what a command ends with when
    this is the decisive problem.
    """

    ref: str
    what: str
    why: str
    next: str
    acceptable: bool = False
    exit_code: int = 10
