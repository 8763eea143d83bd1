"""Every reference of the program, gathered from ``words/topics/*.py``.

Rules
- A topic is a module with a tuple ``REFERENCES``; nothing needs to be registered elsewhere.
- A reference belongs to one topic only: the same ``ref`` twice is a programming error, found at the first look-up.
- Nothing is imported before the first question: a command that explains nothing pays nothing.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING, Final

from atsam_safe.words import topics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from atsam_safe.words.reference import Reference


# where most of what begins with this stands
_PROBABLE: Final = {"set": "installed", "component": "installed"}


class DuplicateReferenceError(RuntimeError):
    """Two topics define the same reference: a bug, caught by the test suite, never shown to a doctor."""


def topic_names() -> tuple[str, ...]:
    """Names of the topic modules, sorted."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(topics.__path__)))


@cache
def topic_references(topic: str) -> tuple[Reference, ...]:
    """The references of one topic, in the order its author gave them."""
    module = importlib.import_module(f"{topics.__name__}.{topic}")
    references: tuple[Reference, ...] = tuple(module.REFERENCES)
    return references


def gather(names: tuple[str, ...]) -> dict[str, Reference]:
    """The references of the named topics by ``ref``; raises ``DuplicateReferenceError`` when one is defined twice."""
    found: dict[str, Reference] = {}
    for topic in names:
        for reference in topic_references(topic):
            if reference.ref in found:
                raise DuplicateReferenceError(reference.ref)
            found[reference.ref] = reference
    return found


@cache
def all_references() -> Mapping[str, Reference]:
    """Every reference by ``ref``; raises ``DuplicateReferenceError`` when one is defined twice."""
    return gather(topic_names())


def find(ref: str) -> Reference | None:
    """The reference named ``ref``, or ``None`` when no topic defines it.

    Where it most probably stands is looked at first: what ``status`` says on nearly every workstation needs no other topic.
    """
    probable = _PROBABLE.get(ref.partition(".")[0])
    if probable is not None:
        for reference in topic_references(probable):
            if reference.ref == ref:
                return reference
    return all_references().get(ref)
