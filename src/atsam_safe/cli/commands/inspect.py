"""``inspect``: read installers without running them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from atsam_safe.catalogue.names import bundle_text
from atsam_safe.cli.world import catalogue_of, existing
from atsam_safe.packages import open_packages
from atsam_safe.packages.identify import bundle_of
from atsam_safe.report.result import OK, UNTRUSTED, CommandResult, origin_of
from atsam_safe.report.values import inspection_value
from atsam_safe.words.model import Problem

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.catalogue.statement import Family
    from atsam_safe.cli.session import Session
    from atsam_safe.packages.model import Inspection


def run(session: Session, *, packages: list[str]) -> CommandResult:
    """Inspect every file; 12 when one is damaged, tampered with or unreadable (the others are reported all the same)."""
    paths = [existing(path) for path in packages]
    catalogue = catalogue_of(session)
    inspections: list[Inspection] = []
    with session.progress() as progress:
        for number, path in enumerate(paths):
            progress("read", number, len(paths))
            with open_packages(path, catalogue.trust, catalogue, datetime.now(UTC)) as opened:
                inspections += opened.inspections
    refused = [inspection for inspection in inspections if not inspection.readable]
    return CommandResult(
        command="inspect",
        exit_code=UNTRUSTED if refused else OK,
        data={
            "packages": [inspection_value(inspection, catalogue, session.language) for inspection in inspections],
            "together": _together(inspections, catalogue),
        },
        problems=tuple(
            Problem(ref=reason.ref, params=reason.params, told=reason.told, evidence={"path": inspection.path})
            for inspection in refused
            for reason in inspection.signature.reasons
        ),
        catalogue=origin_of(catalogue),
    )


def _together(inspections: list[Inspection], catalogue: Catalogue) -> dict[str, str] | None:
    """The listed set that several packages are only together, none of them being one by itself."""
    if len(inspections) < 2 or not all(one.readable and one.build is None and one.components for one in inspections):  # noqa: PLR2004 - two
        return None
    family: Family = "windows" if all(one.format == "windows-installer" for one in inspections) else "macos"
    bundle = bundle_of((part for one in inspections for part in one.components), catalogue, family)
    return None if bundle is None else {"bundle": bundle.id, "name": bundle_text(catalogue, bundle)}
