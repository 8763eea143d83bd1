"""Where a component is known to have its files: every place the catalogue names for it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from atsam_safe.catalogue.patterns import Covering, canonical, expand_homes, fold, matches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atsam_safe.catalogue.model import Component
    from atsam_safe.facts.model import Home
    from atsam_safe.packages.model import PayloadEntry


class Places:
    """The places one component is known to use."""

    def __init__(self, component: Component, homes: Sequence[Home]) -> None:
        self._component = component
        self._homes = homes

    @cached_property
    def _rules(self) -> tuple[tuple[str, bool], ...]:
        """Pattern and « also below », in the form of ``fold``: the disk of a Mac does not tell case apart."""
        found: list[tuple[str, bool]] = []
        for rule in self._component.paths:
            if rule.role != "private":
                found += [(fold(canonical(path)), rule.scope == "tree") for path in expand_homes(rule.path, self._homes)]
        files = [service.path for service in self._component.services if service.path is not None]
        files += [config.path for config in self._component.configs]
        found += [(fold(canonical(path)), False) for written in files for path in expand_homes(written, self._homes)]
        return tuple(dict.fromkeys(found))

    @cached_property
    def _ruled(self) -> Covering[None]:
        return Covering((pattern, below, None) for pattern, below in self._rules)

    def has(self, path: str) -> bool:
        """True when a rule of the catalogue names the path itself."""
        key = fold(canonical(path))
        return self._ruled.covers(key)

    def know(self, entry: PayloadEntry) -> bool:
        """True when a rule of the catalogue names the path, or, for a folder, something inside it."""
        if self.has(entry.path):
            return True
        if entry.kind != "directory":
            return False
        key = fold(canonical(entry.path))
        depth = key.count("/")
        return any(matches("/".join(pattern.split("/")[: depth + 1]), key) for pattern, _below in self._rules)
