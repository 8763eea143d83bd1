"""Files that somebody put into a folder of a component: the folder goes as a whole, and they with it.

They are in the snapshot, but a person should know of them before. Told of only where a receipt lists what belongs into the folder:
without one nothing could be told from a component's own file.

Where another product's receipt cannot be read they may be that product's: then they stay (``undecided``). In a folder of which no
receipt lists anything, neither can be told (``unlisted``), and a person has to decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atsam_safe.catalogue.patterns import Covering, canonical, expand_homes, fold, is_below
from atsam_safe.verify.witnesses import component_receipts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from atsam_safe.catalogue.model import Catalogue, Component
    from atsam_safe.facts.model import Facts

# What the Finder writes by itself into every folder somebody looked at.
_NOBODYS: Final = ("/.ds_store", "/.localized")
_FIRST: Final = 3


def strangers(facts: Facts, catalogue: Catalogue, components: Iterable[Component]) -> tuple[str, ...]:
    """The unclaimed files in folders that go with one of ``components`` and whose own files a receipt lists."""
    return _unnamed(facts, catalogue, [tree for component in components for tree, listed in _trees(component, facts) if listed])


def undecided(facts: Facts, catalogue: Catalogue, components: Iterable[Component]) -> tuple[str, ...]:
    """Those of the ``strangers`` that may belong to a product whose receipt cannot be read."""
    return strangers(facts, catalogue, components) if facts.foreign_unread else ()


def unlisted(facts: Facts, catalogue: Catalogue, components: Iterable[Component]) -> tuple[str, ...]:
    """The unclaimed files that are a component's or a product's whose receipt cannot be read: no receipt lists what is in their folder."""
    if not facts.foreign_unread:
        return ()
    return _unnamed(facts, catalogue, [tree for component in components for tree, listed in _trees(component, facts) if not listed])


def listed_folders(facts: Facts, components: Iterable[Component]) -> tuple[str, ...]:
    """The folders that go with one of ``components`` and whose own files a receipt lists, as ``fold`` writes them."""
    return tuple(tree for component in components for tree, listed in _trees(component, facts) if listed)


def _unnamed(facts: Facts, catalogue: Catalogue, trees: Sequence[str]) -> tuple[str, ...]:
    """The unclaimed files below ``trees`` that no receipt and no rule names.

    Not in a folder in which another product's receipt claims something: it does not go as a whole, and they stay in it.
    """
    if not facts.unclaimed:
        return ()
    claims = [fold(canonical(claim.path)) for claim in facts.foreign_claims]
    trees = [tree for tree in trees if not any(claim == tree or is_below(claim, tree) for claim in claims)]
    named = Covering((*one, None) for component in catalogue.components for one in _named(component, facts, trees))
    found = []
    for written in facts.unclaimed:
        path = fold(canonical(written))
        if path.endswith(_NOBODYS) or not any(is_below(path, tree) for tree in trees):
            continue
        if not named.covers(path):
            found.append(written)
    return tuple(found)


def first_of(paths: Sequence[str]) -> str:
    """The first names, for a sentence."""
    return ", ".join(paths[:_FIRST]) + (" …" if len(paths) > _FIRST else "")


def _trees(component: Component, facts: Facts) -> Iterator[tuple[str, bool]]:
    """The folders that go with a component, and whether a receipt lists files of them."""
    receipts = component_receipts(component, facts)
    listed = {fold(canonical(entry.path)) for receipt in receipts for entry in receipt.entries or () if entry.kind != "directory"}
    for rule in component.paths:
        if rule.scope == "tree" and rule.on_uninstall == "remove":
            for path in expand_homes(rule.path, facts.homes):
                tree = fold(canonical(path))
                yield tree, any(is_below(one, tree) for one in listed)


def _named(component: Component, facts: Facts, trees: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Pattern and « also below » of every place the catalogue names for a component, those folders themselves apart."""
    places = [(rule.path, rule.scope == "tree") for rule in component.paths if rule.scope != "directory"]
    places += [(effect.path, False) for effect in component.effects]
    for written, below in places:
        for path in expand_homes(written, facts.homes):
            pattern = fold(canonical(path))
            if pattern not in trees:
                yield pattern, below
