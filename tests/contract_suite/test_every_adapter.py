"""What every adapter must do alike, through the program's own command line: the same tests on an offline volume, a Mac and a Windows."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lab.worlds import World


def test_check_refuses_the_build_of_another_system_and_leaves_no_trace(world: World) -> None:
    before = world.fingerprint()
    answer = world.run("--json", "check", world.package("newer"))
    assert answer.code == 10, answer.out
    failed = {rule["ref"] for rule in answer.json["data"]["rules"] if rule["outcome"] == "fail"}
    assert "os.too-old" in failed
    assert answer.json["data"]["recommended"] == world.known.recommended
    assert world.fingerprint() == before


def test_every_refusal_has_its_exit_code_and_leaves_the_workstation_alone(world: World) -> None:
    before = world.fingerprint()
    good = world.package("good")
    refusals: dict[tuple[str, ...], tuple[int, str]] = {
        ("--yes", "install", world.package("newer")): (10, "os.too-old"),
        ("--yes", "rollback"): (10, "snapshot.none"),
        ("--yes", "install", world.package("cut")): (12, ""),
        ("install", good): (2, "usage.consent-needed"),
        ("--yes", "install", f"{good}-that-is-not-there"): (2, ""),
        ("--yes", "--accept", "os.too-old.misspelt", "install", good): (2, ""),
    }
    if world.known.dependents:
        refusals["--yes", "uninstall", "--all"] = (10, "dependents.present")
    for arguments, (code, ref) in refusals.items():
        answer = world.run("--json", *arguments)
        assert answer.code == code, (arguments, answer.out, answer.err)
        refs = [problem["ref"] for problem in answer.json["errors"]]
        assert refs, arguments
        assert not ref or ref in refs
        assert all(problem["what"] and problem["why"] and problem["next"] for problem in answer.json["errors"])
    assert world.fingerprint() == before


def test_while_another_run_works_nothing_begins(world: World) -> None:
    before = world.fingerprint()
    with world.busy():
        for arguments in (("install", world.package("good")), ("--accept", "dependents.present", "uninstall", "--all")):
            answer = world.run("--json", "--yes", *arguments)
            assert answer.code == 14, answer.out + answer.err
            assert [problem["ref"] for problem in answer.json["errors"]] == ["state.locked"]
        assert world.run("--json", "status").code == 0, "who only looks is not kept waiting"
    assert world.fingerprint() == before


def test_without_an_administrators_rights_nothing_begins(world: World) -> None:
    before = world.fingerprint()
    with world.without_rights():
        for arguments in (("install", world.package("good")), ("--accept", "dependents.present", "uninstall", "--all")):
            answer = world.run("--json", "--yes", *arguments)
            assert answer.code == 13, answer.out + answer.err
            assert [problem["ref"] for problem in answer.json["errors"]] == ["privileges.missing"]
        assert world.run("--json", "status").code == 0, "looking needs none"
    assert world.fingerprint() == before


def test_damage_is_found_and_mended_by_the_right_installation(world: World) -> None:
    piece = world.root / world.known.gone
    if piece.is_dir():
        shutil.rmtree(piece)
    else:
        piece.unlink()
    for command in ("status", "verify"):
        answer = world.run("--json", command)
        assert answer.code == 11, answer.out
        assert {one["component"]: one["state"] for one in answer.json["data"]["components"]}["galss"] in {"damaged", "partial"}
    assert world.run("--json", "--yes", "install", world.package("good")).code == 0
    assert piece.exists()
    assert world.run("--json", "status").code == 0


def test_status_and_verify_find_the_set_that_is_installed(world: World) -> None:
    status = world.run("--json", "status").json
    assert status["exit_code"] == 0, status
    versions = {one["component"]: one["version"] for one in status["data"]["components"] if one["state"] == "ok"}
    assert versions.items() >= world.known.installed.items()
    assert world.run("--json", "verify").code == 0


def test_install_replaces_the_set_and_keeps_the_configuration(world: World) -> None:
    before = (world.root / world.known.ini).read_bytes()
    answer = world.run("--json", "--yes", "install", world.package("good"))
    assert answer.code == 0, answer.out + answer.err
    assert (world.root / world.known.ini).read_bytes() == before
    status = world.run("--json", "status").json
    assert status["exit_code"] == 0, status
    assert {one["component"]: one["version"] for one in status["data"]["components"]}.items() >= world.known.afterwards.items()
    assert answer.json["data"]["residue"] == []


def test_uninstall_removes_the_unit_and_rollback_brings_everything_back_and_can_be_taken_back(world: World) -> None:
    before = world.fingerprint()
    gone = world.run("--json", "--yes", "--accept", "dependents.present", "uninstall", "--all")
    assert gone.code == 0, gone.out + gone.err
    assert not (world.root / world.known.gone).exists()
    assert (world.root / world.known.ini).exists()
    assert world.run("--json", "verify").code == 11
    nothing = world.run("--json", "--yes", "--accept", "dependents.present", "uninstall", "--all")
    assert (nothing.code, nothing.json["data"].get("nothing_to_do")) == (0, True)
    removed = world.fingerprint()
    back = world.run("--json", "--yes", "rollback")
    assert back.code == 0, back.out + back.err
    assert world.fingerprint() == before
    # the proof of a way back is the digest, and it kept the state it found
    assert back.json["data"]["digest_after"] == gone.json["data"]["digest_before"]
    assert back.json["data"]["snapshot"] != gone.json["data"]["snapshot"]
    again = world.run("--json", "--yes", "rollback")
    assert again.json["data"]["digest_after"] == gone.json["data"]["digest_after"]
    assert world.fingerprint() == removed


def test_a_package_that_belies_its_version_is_undone(world: World) -> None:
    before = world.fingerprint()
    answer = world.run("--json", "--yes", "install", world.package("lying"))
    assert answer.code == 20, answer.out + answer.err
    assert answer.json["status"] == "rolled-back"
    assert answer.json["data"]["digest_before"] == answer.json["data"]["digest_after"]
    assert world.fingerprint() == before


@pytest.mark.parametrize("at_step", ["first", "early", "late"])
def test_a_killed_installation_is_recovered_to_exactly_the_state_before(world: World, at_step: str) -> None:
    before = world.fingerprint()
    world.run_killed(world.known.steps[at_step], "--yes", "install", world.package("good"))
    interrupted = world.run("--json", "--yes", "--no-recover", "install", world.package("good"))
    assert interrupted.code == 22, interrupted.out
    answer = world.run("--json", "recover")
    assert answer.code == 0, answer.out + answer.err
    assert world.fingerprint() == before
    assert world.run("--json", "recover").json["data"]["transaction"]["outcome"] == "nothing-to-do"


def test_a_killed_uninstallation_is_recovered_to_exactly_the_state_before(world: World) -> None:
    before = world.fingerprint()
    world.run_killed(world.known.steps["early"], "--yes", "--accept", "dependents.present", "uninstall", "--all")
    assert world.run("--json", "recover").code == 0
    assert world.fingerprint() == before


def test_the_next_changing_command_recovers_by_itself(world: World) -> None:
    world.run_killed(world.known.steps["early"], "--yes", "install", world.package("good"))
    answer = world.run("--json", "--yes", "install", world.package("good"))
    assert answer.code == 0, answer.out + answer.err
    assert answer.json["data"]["recovered"]["transaction"]["outcome"] == "rolled-back"
