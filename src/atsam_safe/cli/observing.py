"""The facts of the workstation the options name, or those of a facts file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.cli.world import existing
from atsam_safe.words.model import Problem, UsageError

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.cli.session import Session
    from atsam_safe.facts.model import Facts
    from atsam_safe.guard.overwriting import PayloadPaths


def facts_of(session: Session, catalogue: Catalogue, *, ownership: bool = False, payload: PayloadPaths | None = None) -> Facts:
    """Look at the workstation, or read the file given with ``--facts``. ``ownership`` also reads bills of materials.

    ``payload``: what packages would write. A facts file was written without knowing of any package: of places that no catalogue entry
    names it holds nothing.
    """
    if session.options.facts is None:
        return session.open_workstation(session.options.root).observe(catalogue, ownership=ownership, payload=payload)
    if session.options.root is not None:
        raise UsageError(Problem(ref="usage.facts-and-root"))
    from atsam_safe.facts.codec import MAX_FACTS_BYTES, decode_facts  # noqa: PLC0415 - building its decoders takes longer than a look

    path = existing(session.options.facts)
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FACTS_BYTES + 1)
    except OSError as error:
        raise UsageError(Problem(ref="usage.file-unreadable", params={"path": str(path), "detail": error.strerror or ""})) from error
    return decode_facts(data)


def refuse_facts(session: Session, command: str) -> None:
    """A facts file describes a workstation that is not here; raises ``UsageError`` for commands that would change one."""
    if session.options.facts is not None:
        raise UsageError(Problem(ref="usage.facts-read-only", params={"command": command}))
