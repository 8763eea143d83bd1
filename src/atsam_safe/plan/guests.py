"""What vendors' programs may write on a running system: they are run there, so the snapshot's scope must hold it before they are.

Sources: the catalogue's paths that it removes, that scripts make, or whose role is ``backup``, ``config``, ``cache`` or ``inventory``, and
its ``effects``. What the genuine scripts do beyond that cannot be kept: access rights they open below private folders (law 9), and
inventory files in the FSV's own folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atsam_safe.catalogue.patterns import canonical, has_wildcard, matches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atsam_safe.catalogue.model import PathRule
    from atsam_safe.plan.model import ScopeKind
    from atsam_safe.plan.ownership import Ownership

_WRITTEN_ROLES: Final = frozenset({"backup", "config", "cache", "inventory"})
_RECEIPTS: Final = "/private/var/db/receipts"
_HISTORY: Final = "/Library/Receipts/InstallHistory.plist"


def guest_paths(ownership: Ownership) -> list[tuple[str, ScopeKind]]:
    """Every path the removed or installed components' own programs may write; nothing on a volume that does not run."""
    if not ownership.live:
        return []
    found: dict[str, ScopeKind] = {_HISTORY: "file"}
    for component in ownership.components:
        for rule in component.paths:
            if rule.role == "private" or not (rule.created_by_script or rule.role in _WRITTEN_ROLES or rule.on_uninstall == "remove"):
                continue
            found |= {path: rule.scope for path in _places(ownership, rule) if _may_be_kept(ownership, path, rule)}
        for effect in component.effects:
            found |= {path: "file" for path in ownership.expand(effect.path) if not has_wildcard(path) and path not in found}
        for receipt in component.receipts:
            if receipt.style == "flat" and receipt.match == "exact":
                found |= {f"{_RECEIPTS}/{receipt.id}.{kind}": "file" for kind in ("plist", "bom")}
    return [(path, _as_seen(ownership, path, kind)) for path, kind in sorted(found.items())]


def _as_seen(ownership: Ownership, path: str, kind: ScopeKind) -> ScopeKind:
    """A path named as a file that is a folder here is kept as a folder, whatever wrote it."""
    fact = ownership.view.paths.get(path)
    return "directory" if kind == "file" and fact is not None and fact.kind == "directory" else kind


def _places(ownership: Ownership, rule: PathRule) -> Iterable[str]:
    """Concrete paths of a rule. With ``*``: those seen, and those that would lie in a folder that was seen (a browser's profile)."""
    yield from ownership.places(rule)
    for pattern in ownership.expand(rule.path):
        if not has_wildcard(pattern):
            continue
        parts = pattern.split("/")
        last = max(index for index, part in enumerate(parts) if has_wildcard(part))
        rest = parts[last + 1 :]
        if not rest:
            continue
        for folder in sorted(path for path in ownership.known_paths if matches("/".join(parts[: last + 1]), path)):
            yield canonical("/".join((folder, *rest)))


def _may_be_kept(ownership: Ownership, path: str, rule: PathRule) -> bool:
    """False for what must not be read into a snapshot: private places, and trees in which something private lies."""
    if has_wildcard(path) or ownership.is_private(path):
        return False
    return rule.scope != "tree" or not ownership.holds_private(path)
