from __future__ import annotations

import plistlib
from typing import TYPE_CHECKING, Any

import pytest

from atsam_safe.workstation.offline import OfflineWorkstation
from lab.items import file
from lab.workstation import lay_out, put

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import ServiceFact

LABEL = "com.icanopee.dmpcjs2"
JOB = f"Library/LaunchDaemons/{LABEL}.plist"
OVERRIDES = "private/var/db/com.apple.xpc.launchd/disabled.plist"


def service(
    tmp_path: Path, catalogue: Catalogue, job: dict[str, Any], overrides: bytes | None = None
) -> tuple[ServiceFact, tuple[str, ...]]:
    root = lay_out(tmp_path / "v", users=())
    put(root, [file(JOB, plistlib.dumps(job))])
    if overrides is not None:
        put(root, [file(OVERRIDES, overrides)])
    facts = OfflineWorkstation(root).observe(catalogue)
    assert len(facts.services) == 1
    return facts.services[0], facts.notes


@pytest.mark.parametrize(
    ("job", "program"),
    [
        ({"Label": LABEL, "Program": "/a", "ProgramArguments": ["/b"]}, "/a"),
        ({"Label": LABEL, "ProgramArguments": ["/b", "-x"]}, "/b"),
        ({"Label": LABEL, "ProgramArguments": [7]}, None),
        ({"Label": LABEL, "ProgramArguments": "/b"}, None),
        ({"Label": LABEL}, None),
    ],
)
def test_the_program_of_a_job(tmp_path: Path, catalogue: Catalogue, job: dict[str, Any], program: str | None) -> None:
    found, _ = service(tmp_path, catalogue, job)
    assert (found.label, found.program, found.running, found.problem) == (LABEL, program, None, None)


@pytest.mark.parametrize(
    ("own", "override", "disabled"),
    [(None, None, False), (True, None, True), (True, False, False), (False, True, True), ("yes", None, False)],
)
def test_launchds_own_record_wins_over_the_job_file(
    tmp_path: Path, catalogue: Catalogue, own: object, override: object, disabled: object
) -> None:
    job = {"Label": LABEL} | ({} if own is None else {"Disabled": own})
    overrides = None if override is None else plistlib.dumps({LABEL: override, "other": "text"})
    found, notes = service(tmp_path, catalogue, job, overrides)
    assert found.disabled is disabled
    assert notes == ()


def test_an_unreadable_record_is_noted(tmp_path: Path, catalogue: Catalogue) -> None:
    found, notes = service(tmp_path, catalogue, {"Label": LABEL}, b"garbage")
    assert found.disabled is False
    assert [note for note in notes if OVERRIDES in note]


def test_a_job_without_a_label_is_said(tmp_path: Path, catalogue: Catalogue) -> None:
    found, _ = service(tmp_path, catalogue, {"Program": "/a"})
    assert found.label == LABEL
    assert found.problem is not None


@pytest.mark.parametrize(
    ("label", "known_as", "usable"),
    [
        ("org.autre.nom", "org.autre.nom", True),
        ("Mon service (2)", "Mon service (2)", True),
        ("x" * 255, "x" * 255, True),
        ("x" * 256, LABEL, False),
        ("a/b", LABEL, False),
        ("a\nb", LABEL, False),
        ("/system", LABEL, False),
        (" ", LABEL, False),
    ],
)
def test_a_job_is_known_by_the_name_inside_its_file_when_that_can_be_a_name(
    tmp_path: Path, catalogue: Catalogue, label: str, known_as: str, *, usable: bool
) -> None:
    found, _ = service(tmp_path, catalogue, {"Label": label}, plistlib.dumps({known_as: True}))
    assert (found.label, found.problem is None, found.disabled) == (known_as, usable, True)
