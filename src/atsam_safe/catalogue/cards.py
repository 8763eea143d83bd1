"""Cards and the middlewares that read them: the shape of ``cards.toml``."""

# Annotations are not postponed here: msgspec would compile each of them again at every start.

from typing import Literal

from atsam_safe.catalogue.statement import Statement


class CardRule(Statement, frozen=True, kw_only=True):
    """A card type by its whole ATR in hex, ``x`` standing for any digit; the first rule that matches decides, so their order counts.

    ``recognised_by_library``: the middleware knows this very ATR.
    """

    id: str
    kind: Literal["cps", "vitale", "other"]
    generation: str
    interface: Literal["contact", "contactless"] = "contact"
    pattern: str
    recognised_by_library: bool = True
    note: str | None = None


class CardGeneration(Statement, frozen=True, kw_only=True):
    """A generation of cards (``CardRule.generation``) that releases of ``component`` before ``minimum`` cannot read."""

    name: str
    component: str
    minimum: str


class MiddlewareRelease(Statement, frozen=True, kw_only=True):
    """Which version a module reports of itself (``library``) when it comes from one release of its component (``package``)."""

    package: str
    library: str


class MiddlewareRule(Statement, frozen=True, kw_only=True):
    """A PKCS#11 module, the component that installs it (``None``: another vendor's), and whom its ``C_GetInfo`` may name.

    ``manufacturers_from``: the first release whose name is known (``None``: all of them).
    """

    id: str
    name: str
    family: Literal["macos", "windows", "linux"]
    path: str
    component: str | None = None
    architectures: tuple[str, ...] = ()
    manufacturers: tuple[str, ...] = ()
    manufacturers_from: str | None = None
    releases: tuple[MiddlewareRelease, ...] = ()
