"""The JSON form of Facts: a promise to scripts and to practices that mail a facts file to their integrator.

Rules of the form
- Keys are written in the order of the model's fields and are only ever added; ``null`` means "not observable here".
- ``schema`` rises only when an existing key changes its meaning; a newer schema is refused with words, never guessed at.
- Unknown keys of a known schema are ignored: they come from a newer program that only added something.
- A key that is not there is no observation: the file is refused, for an empty list in its place would say that nothing is there.
"""

from __future__ import annotations

from typing import Final

import msgspec

from atsam_safe.facts.model import FACTS_SCHEMA, Facts
from atsam_safe.words.model import Problem, UsageError

# A facts file of a real workstation is 100 to 400 kB. A larger one is not ours, and is refused before it is parsed.
MAX_FACTS_BYTES: Final = 16 << 20
# Keys of every facts file there is. One that is added to the model later must have a default that claims nothing: ``None``.
REQUIRED: Final = (
    *("adapter", "os", "homes", "receipts", "paths", "configs", "services", "processes", "products", "foreign_claims"),
    *("space", "system", "folders", "registry", "unclaimed"),
)


class FactsError(UsageError):
    """The facts file given on the command line cannot be used (exit 2)."""


class _Answer(msgspec.Struct, frozen=True):
    facts: msgspec.Raw


class _Header(msgspec.Struct, frozen=True):
    """The outermost keys: of a facts file, or of the answer of ``atsam-safe facts --json``, which people keep and mail as it is."""

    schema: int | None = None
    data: _Answer | None = None


_HEADER: Final = msgspec.json.Decoder(_Header)
_KEYS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_FACTS: Final = msgspec.json.Decoder(Facts)


def encode_facts(facts: Facts) -> bytes:
    """Facts as one line of UTF-8 JSON, keys in the model's order."""
    return msgspec.json.encode(facts)


def decode_facts(data: bytes) -> Facts:
    """Read what ``encode_facts`` wrote, here or elsewhere, bare or inside the envelope of ``atsam-safe facts --json``.

    Raises ``FactsError``: ``facts.newer-schema`` when a newer program wrote it, ``facts.invalid`` for everything else that is
    not a facts file (``evidence.detail`` says where it stops making sense).
    """
    if len(data) > MAX_FACTS_BYTES:
        raise _invalid(f"{len(data)} bytes, more than {MAX_FACTS_BYTES}")
    try:
        header = _HEADER.decode(data)
        if header.schema is None and header.data is not None:
            data = bytes(header.data.facts)
            header = _HEADER.decode(data)
        schema = header.schema
        if schema is None:
            raise _invalid("no schema number")
        if schema > FACTS_SCHEMA:
            raise FactsError(
                Problem(
                    ref="facts.newer-schema",
                    params={"found": str(schema), "known": str(FACTS_SCHEMA)},
                    evidence={"found": schema, "known": FACTS_SCHEMA},
                ),
            )
        if schema != FACTS_SCHEMA:
            raise _invalid(f"schema {schema}")
        present = _KEYS.decode(data)
        missing = [key for key in REQUIRED if key not in present]
        if missing:
            raise _invalid(f"without {', '.join(missing)}")
        return _FACTS.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _invalid(str(error)) from error


def _invalid(detail: str) -> FactsError:
    return FactsError(Problem(ref="facts.invalid", params={"detail": detail}, evidence={"detail": detail}))
