"""A run and its plan under the JSON keys of the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from atsam_safe.catalogue.effects import script_was_read
from atsam_safe.plan.duration import estimated_seconds
from atsam_safe.plan.model import RemovePath, RunInstaller
from atsam_safe.report.values import verification_value
from atsam_safe.verify.model import Verification

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Facts
    from atsam_safe.plan.model import Plan
    from atsam_safe.transaction.model import TransactionResult
    from atsam_safe.words.model import Language


def transaction_value(result: TransactionResult, state_place: Path, facts: Facts | None, language: Language) -> dict[str, Any]:
    """The data of ``install``, ``uninstall``, ``rollback`` and ``recover``."""
    verification = None
    if isinstance(result.verification, Verification) and facts is not None:
        verification = verification_value(facts, result.verification, language)
    return {
        "transaction": {
            "id": result.id,
            "outcome": result.outcome,
            "seconds": result.seconds,
            "steps": [msgspec.to_builtins(step) for step in result.steps],
            "bytes_reserved": result.bytes_reserved,
        },
        "snapshot": result.snapshot,
        "snapshot_place": None if result.snapshot is None else str(state_place / "snapshots" / result.snapshot),
        "found": result.found,
        "digest_before": result.digest_before,
        "digest_after": result.digest_after,
        "residue": list(result.residue),
        "verification": verification,
        "nothing_to_do": result.outcome == "nothing-to-do",
    }


def untouched_value() -> dict[str, Any]:
    """The keys of a run when none took place: refused, not agreed to, or nothing to do. A script finds every key in every answer."""
    return {
        "transaction": None,
        "snapshot": None,
        "snapshot_place": None,
        "found": None,
        "digest_before": None,
        "digest_after": None,
        "residue": [],
        "verification": None,
        "nothing_to_do": False,
    }


def live_notes(plan: Plan, catalogue: Catalogue, language: Language) -> list[str]:
    """What only a running system can do for the planned components, in the words of the catalogue."""
    notes = {note.id: note for component in catalogue.components for note in component.live_only}
    found = [notes[identifier] for identifier in plan.needs_live if identifier in notes]
    return [note.what_fr if language == "fr" else note.what_en for note in found]


def inventories_gone(plan: Plan, catalogue: Catalogue) -> list[str]:
    """Inventory files that the plan removes and nothing in it writes again, where that is not what the publisher's script means.

    On a running system the publisher's own installer writes them.
    """
    if any(isinstance(step, RunInstaller) for step in plan.steps):
        return []
    versions = plan.target.versions
    numbers = {
        rule.path
        for component in catalogue.core
        if component.id in versions and not script_was_read(component, versions[component.id], None)
        for rule in component.paths
        if rule.role == "inventory"
    }
    return sorted(step.path for step in plan.steps if isinstance(step, RemovePath) and step.path in numbers)


def plan_value(plan: Plan, catalogue: Catalogue, language: Language) -> dict[str, Any]:
    """The plan as scripts see it: what it aims at, what it does, what it leaves alone. Its scope is in the snapshot's manifest."""
    return {
        "target": msgspec.to_builtins(plan.target),
        "steps": [msgspec.to_builtins(step) for step in plan.steps],
        "kept": msgspec.to_builtins(plan.kept),
        "preserved": list(plan.preserved),
        "strangers": list(plan.strangers),
        "left_out": list(plan.left_out),
        "needs_live": list(plan.needs_live),
        "needs_live_notes": live_notes(plan, catalogue, language),
        "bytes_to_write": plan.bytes_to_write,
        "bytes_in_scope": plan.bytes_in_scope,
        "estimated_seconds": estimated_seconds(plan),
    }
