"""Tidy the French catalogue: drop sentences that no longer stand in the code, and entries written twice; name those that lack French.

Nothing is translated or reworded, and the order stays. Ends 1 when a sentence of the code has no French.
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from typing import Final

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

PROJECT: Final = Path(__file__).resolve().parent.parent
SOURCE: Final = PROJECT / "src/atsam_safe"
CATALOGUE: Final = SOURCE / "words/locale/fr/LC_MESSAGES/atsam_safe.po"


def tidied(text: str, wanted: set[str]) -> str:
    """``text`` without entries that are not in ``wanted`` and without repetitions; header and free comments stay."""
    kept = []
    seen: set[str] = set()
    for block in re.split(r"\n\s*\n", text):
        messages = [str(message.id) for message in read_po(io.BytesIO(block.encode())) if message.id]
        if len(messages) == 1 and (messages[0] not in wanted or messages[0] in seen):
            continue
        seen.update(messages)
        kept.append(block.strip("\n"))
    return "\n\n".join(kept) + "\n"


def main() -> int:
    """Tidy the file in place."""
    found = extract_from_dir(str(SOURCE), method_map=[("**.py", "python")], keywords={"N_": None})
    wanted = {str(message) for _file, _line, message, _comments, _context in found}
    before = CATALOGUE.read_text(encoding="utf-8")
    after = tidied(before, wanted)
    if after != before:
        CATALOGUE.write_text(after, encoding="utf-8")
        print(f"{before.count('msgid ') - after.count('msgid ')} entries dropped")
    translated = {str(message.id) for message in read_po(io.BytesIO(after.encode())) if message.id and message.string}
    missing = sorted(wanted - translated)
    for message in missing:
        print(f"no French yet: {message}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
