"""Whoever agrees has read what must be known before; and what a command says fits what it did."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from atsam_safe.cli.commands import check as check_command
from atsam_safe.cli.observing import facts_of
from atsam_safe.facts.model import SystemState
from atsam_safe.guard.model import RunState
from atsam_safe.words.model import Problem
from lab.damage import missing_file

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.facts.model import Facts
    from lab.stage import Answer, Stage

USERS = "DMP Connect JS2"
CLOSE = "Fermez-les avant de commencer."
OTHER_CATALOGUE = "décidé avec un autre catalogue"


def unfolded(text: str) -> str:
    return " ".join(text.split())


def before_question(answer: Answer) -> str:
    return unfolded(answer.err.partition("Continuer ?")[0])


CHANGES = {
    "install": (("install", "PACKAGE"), (OTHER_CATALOGUE, USERS, CLOSE)),
    "uninstall": (
        ("--accept", "dependents.present", "uninstall", "--all"),
        (OTHER_CATALOGUE, USERS, "« --accept dependents.present »"),
    ),
    "rollback": (("rollback",), (OTHER_CATALOGUE, USERS, CLOSE)),
}


@pytest.mark.parametrize("stdin", ["oui\n", "non\n", None], ids=["yes", "no", "nobody"])
@pytest.mark.parametrize("change", CHANGES)
def test_what_must_be_known_is_read_before_the_question(stage: Stage, change: str, stdin: str | None) -> None:
    arguments, expected = CHANGES[change]
    package = stage.package("ATSAM-4.41.pkg")
    assert stage.run(*stage.on, "--yes", "install", package).code == 0
    words = [package if word == "PACKAGE" else word for word in arguments]
    answer = stage.run(*stage.on, "--lang", "fr", *words, stdin=stdin)
    read = before_question(answer)
    for said in expected:
        assert said in read, read
    afterwards = unfolded(answer.out)
    assert CLOSE not in afterwards, "once is enough"
    assert "« --accept dependents.present »" not in afterwards
    if stdin == "oui\n":
        return
    script = stage.run(*stage.on, "--json", *words).json
    assert "dependents.present" in {notice["ref"] for notice in script["notices"]}, "a script reads everything in its one answer"


def test_only_seen_in_practices_is_read_before_the_question(stage: Stage) -> None:
    answer = stage.run(*stage.on, "--lang", "fr", "install", stage.package("ATSAM-4.41.pkg"), stdin="non\n")
    assert "D’après des cabinets" in before_question(answer)


@pytest.mark.parametrize(
    ("command", "wrong"),
    [("rehearse", ("Ouvrez-les", "vérifié de nouveau", CLOSE)), ("check", (CLOSE,))],
)
def test_advice_fits_what_was_done(stage: Stage, command: str, wrong: tuple[str, ...]) -> None:
    package = stage.package("ATSAM-4.41.pkg" if command == "rehearse" else "ATSAM-4.50.pkg")
    said = unfolded(stage.run(*stage.on, "--lang", "fr", command, package).out)
    assert USERS in said
    assert "Rien n’a changé pour eux" in said
    for words in wrong:
        assert words not in said


@pytest.mark.parametrize(
    ("code", "run", "elevated", "said"),
    [
        (13, RunState(), False, "il faut les droits d’administrateur pour l’installer"),
        (14, RunState(at_work=Problem(ref="state.locked")), True, "une autre opération est en cours"),
    ],
)
def test_a_right_package_is_not_called_wrong(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, code: int, run: RunState, *, elevated: bool, said: str
) -> None:
    """Who asks, or when, says nothing of the package."""

    def as_somebody(*arguments: Any, **options: Any) -> Facts:  # noqa: ANN401 - handed through
        return msgspec.structs.replace(facts_of(*arguments, **options), system=SystemState(elevated=elevated))

    monkeypatch.setattr(check_command, "facts_of", as_somebody)
    monkeypatch.setattr(check_command, "run_state_of", lambda _session: run)
    answer = stage.run(*stage.on, "--lang", "fr", "check", stage.package("ATSAM-4.41.pkg"))
    assert answer.code == code
    assert said in unfolded(answer.out)
    assert "ne doit pas être installé" not in unfolded(answer.out)


@pytest.mark.parametrize("package", ["ATSAM-4.41.pkg", "ATSAM-4.50.pkg"])
def test_a_scratch_copy_inside_the_workstation_is_refused(stage: Stage, package: str) -> None:
    inside = stage.folder / "poste/Library"
    before = inside.stat().st_mtime_ns
    answer = stage.run(*stage.on, "--json", "rehearse", stage.package(package), "--scratch", str(inside))
    assert (answer.code, [error["ref"] for error in answer.json["errors"]]) == (2, ["usage.scratch-inside"])
    assert inside.stat().st_mtime_ns == before


@pytest.mark.needs("mounts")
def test_a_rehearsal_foresees_what_the_installation_will_be_refused_for(stage: Stage) -> None:
    disk, package = stage.folder / "disk", stage.package("ATSAM-4.41.pkg")
    disk.mkdir()
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", "size=30m", "tmpfs", str(disk)], check=True)
    try:
        shutil.copytree(stage.folder / "poste", disk / "poste", symlinks=True)
        on = ("--manifests", str(stage.folder / "catalogue"), "--root", str(disk / "poste"))
        answer = stage.run(*on, "--lang", "fr", "rehearse", package)
        installed = stage.run(*on, "--json", "--yes", "install", package).json
        rehearsed = stage.run(*on, "--json", "rehearse", package).json
    finally:
        subprocess.run(["/bin/umount", "-l", str(disk)], check=True)
    assert (answer.code, installed["exit_code"]) == (10, 10)
    assert "l’installation elle-même serait REFUSÉE" in unfolded(answer.out)
    (refusal,) = installed["errors"]
    assert [error["what"] for error in rehearsed["errors"]] == [refusal["what"]]
    assert (rehearsed["data"]["decision"], rehearsed["data"]["forecast"]["bytes_asked"]) == ("refuse", refusal["evidence"]["needed"])
    megabytes = -(-refusal["evidence"]["needed"] // 1_000_000)
    assert unfolded(answer.out).count(f"{megabytes} Mo libres") == 2


def test_scratch_may_lie_elsewhere(stage: Stage, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    assert stage.run(*stage.on, "rehearse", stage.package("ATSAM-4.41.pkg"), "--scratch", str(place)).code == 0


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_next_step_acts_on_the_workstation_that_was_named(stage: Stage, form: tuple[str, ...]) -> None:
    """Copied on a Mac, “atsam-safe install” would have acted on that very Mac."""
    missing_file(stage.folder / "poste")
    said = unfolded(stage.run(*stage.on, "--lang", "fr", *form, "status").out)
    _, catalogue, _, root = stage.on
    assert f"« atsam-safe --root {root} --manifests {catalogue} install »" in said
    assert "« atsam-safe install »" not in said
