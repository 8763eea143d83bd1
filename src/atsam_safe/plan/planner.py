"""From facts, packages and the guard's decision to a plan: pure, complete, and the same for the same facts.

As a unit (law 4): an install removes every core component that is there, then puts the new ones in place. The one exception is what
the guard let through as a component-only update (SrvSVCNAM 3.42.02 over ATSAM 4.41): the packages of the other components are not
at hand, so only the components the packages bring are removed and replaced; the others are not touched at all.

Method: on an offline volume payloads are put in place by this program; on a running macOS (``facts.adapter``) the same plan runs the
vendors' uninstallers as guests and the system's own installer, and sweeps after them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.catalogue.patterns import canonical, is_below, parents
from atsam_safe.guard.candidate import known_parts, left_out_parts
from atsam_safe.guard.overwriting import overwritten
from atsam_safe.guard.strangers import strangers
from atsam_safe.plan.guests import guest_paths
from atsam_safe.plan.installation import plan_installation, restored_configs
from atsam_safe.plan.model import Plan, RemovePath, Target
from atsam_safe.plan.ownership import Ownership
from atsam_safe.plan.removal import plan_removal
from atsam_safe.plan.scope import build_scope, bytes_in_scope, merge
from atsam_safe.plan.windows import plan_windows_install, plan_windows_uninstall

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Facts
    from atsam_safe.guard.candidate import Part
    from atsam_safe.guard.model import Decision
    from atsam_safe.packages.model import Inspection
    from atsam_safe.plan.model import ScopeKind
    from atsam_safe.plan.removal import Removal


def plan_install(facts: Facts, catalogue: Catalogue, inspections: Sequence[Inspection], decision: Decision) -> Plan:
    """The plan that makes ``decision.target`` of this workstation. Take ``facts`` observed with ``ownership``."""
    if facts.os.family == "windows":
        return plan_windows_install(facts, catalogue, inspections, decision)
    parts = _in_order(known_parts(catalogue, inspections), catalogue, decision)
    removed = {component.id for component in catalogue.core} if decision.unit else set(decision.replaced)
    removed |= {part.component for part in parts}
    ownership = Ownership(facts, catalogue, removed, preserve=True, versions={part.component: part.version for part in parts})
    preserved = ownership.preserved()
    removal = plan_removal(ownership)
    installation = plan_installation(ownership, inspections, parts, preserved)
    paths = merge(_removed_paths(removal), installation.touched, guest_paths(ownership))
    scope = build_scope(paths, live=ownership.live)
    return Plan(
        command="install",
        target=Target(bundle=decision.bundle, versions=dict(sorted(decision.target.items()))),
        steps=(*removal.steps, *installation.steps),
        scope=scope,
        kept=removal.kept,
        preserved=preserved,
        needs_live=installation.needs_live,
        residue_rules=removal.residue,
        folders=_folders(removal, installation.folders),
        overwritten=tuple(overwritten(facts, catalogue, inspections, parts)),
        strangers=_strangers(ownership, removal),
        left_out=left_out_parts(catalogue, inspections),
        bytes_to_write=installation.bytes_to_write,
        bytes_in_scope=bytes_in_scope(facts, scope),
    )


def plan_uninstall(facts: Facts, catalogue: Catalogue) -> Plan:
    """The plan that removes every core component. Optional ones, dependents and configuration the catalogue keeps stay."""
    if facts.os.family == "windows":
        return plan_windows_uninstall(facts, catalogue)
    ownership = Ownership(facts, catalogue, (component.id for component in catalogue.core), preserve=False)
    removal = plan_removal(ownership)
    scope = build_scope(merge(_removed_paths(removal), guest_paths(ownership)), live=ownership.live)
    return Plan(
        command="uninstall",
        target=Target(bundle=None, versions={}),
        steps=(*removal.steps, *(restored_configs(ownership) if ownership.live else ())),
        scope=scope,
        kept=removal.kept,
        preserved=ownership.preserved(),
        residue_rules=removal.residue,
        folders=_folders(removal),
        strangers=_strangers(ownership, removal),
        bytes_in_scope=bytes_in_scope(facts, scope),
    )


def _folders(removal: Removal, entered: Iterable[str] = ()) -> tuple[str, ...]:
    """What must be a folder when its step comes: those that are ``entered``, and those that go if they are empty.

    Not what is removed before, whatever it is by then.
    """
    steps = [step for step in removal.steps if isinstance(step, RemovePath)]
    gone = {step.path for step in steps if step.kind != "directory"}
    wanted = {*entered, *(step.path for step in steps if step.kind == "directory")}
    return tuple(sorted(path for path in wanted if path not in gone and gone.isdisjoint(parents(path))))


def _strangers(ownership: Ownership, removal: Removal) -> tuple[str, ...]:
    """Somebody's files that go with a folder of the components: not where something in it stays, for then only what is known goes."""
    trees = [step.path for step in removal.steps if isinstance(step, RemovePath) and step.kind == "tree"]
    found = strangers(ownership.facts, ownership.catalogue, ownership.components)
    return tuple(path for path in found if any(is_below(canonical(path), tree) for tree in trees))


def _in_order(parts: Sequence[Part], catalogue: Catalogue, decision: Decision) -> list[Part]:
    """The bundle's own order of components, then optional ones, then as the packages gave them."""
    bundle = catalogue.bundle(decision.bundle) if decision.bundle is not None else None
    order = [member.component for member in bundle.members] if bundle is not None else []
    rank = {component: index for index, component in enumerate(order)}
    return sorted(parts, key=lambda part: (not part.core, rank.get(part.component, len(rank)), part.package, part.part))


def _removed_paths(removal: Removal) -> list[tuple[str, ScopeKind]]:
    """Every path the removal phase may write; the files it could still find as residue are part of it."""
    found: list[tuple[str, ScopeKind]] = [(step.path, step.kind) for step in removal.steps if isinstance(step, RemovePath)]
    return [*found, *removal.receipt_paths]
