"""The five promises, frozen as data: commands and options, exit codes, JSON keys, snapshot format, references.

What is frozen may only be added to. After an addition, ``FREEZE=1`` writes the files anew; the difference is then read in the review.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from atsam_safe.cli import help as command_help
from atsam_safe.cli.arguments import GLOBAL_OPTIONS
from atsam_safe.cli.parser import parser
from atsam_safe.cli.table import COMMANDS
from atsam_safe.report.json_form import ENVELOPE
from atsam_safe.report.result import EXIT_CODES, CommandResult, status_for
from atsam_safe.words.registry import all_references
from lab.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.stage import Answer

HERE = Path(__file__).parent
# Values whose keys are data (a path, a component), not part of the promise.
OPAQUE = {"evidence", "target", "versions", "sections", "manifest", "entry", "params", "oldest"}


def key_paths(value: object, prefix: str = "") -> set[str]:
    """Every key of a JSON value as ``a.b[].c``."""
    if isinstance(value, dict):
        found = set()
        for key, inner in value.items():
            path = f"{prefix}.{key}" if prefix else key
            found.add(path)
            if key not in OPAQUE:
                found |= key_paths(inner, path)
        return found
    if isinstance(value, list):
        return set().union(*(key_paths(inner, f"{prefix}[]") for inner in value)) if value else set()
    return set()


def frozen(name: str, now: object) -> Any:  # noqa: ANN401 - the decoded file
    """The frozen value of ``name``; written anew with ``FREEZE=1``."""
    path = HERE / f"{name}.json"
    if os.environ.get("FREEZE"):
        path.write_bytes(msgspec.json.format(msgspec.json.encode(now), indent=1) + b"\n")
    return msgspec.json.decode(path.read_bytes())


def command_line() -> dict[str, list[str]]:
    """Every command with the spellings of its arguments and options, and the global options."""
    found = {"": [" ".join([*option.flags, option.metavar]).strip() for option in GLOBAL_OPTIONS]}
    for command in COMMANDS:
        group = getattr(command_help.find([command.name]), "commands", None)
        for path in [[command.name, inner] for inner in group] if group else [[command.name]]:
            found[" ".join(path)] = [parameter.spelling for parameter in command_help.parameters_of(command_help.find(path))]
    return found


def test_commands_and_options() -> None:
    now = command_line()
    promised = frozen("commands", now)
    assert {name: sorted(set(spellings) - set(now.get(name, ()))) for name, spellings in promised.items()} == {
        name: [] for name in promised
    }


def test_the_parser_knows_exactly_the_global_options() -> None:
    declared = {flag for parameter in parser().params for flag in parameter.opts} - {"--install-completion", "--show-completion"}
    assert declared == {flag for option in GLOBAL_OPTIONS for flag in option.flags}


def test_the_parser_knows_exactly_the_commands() -> None:
    assert set(parser().commands) == {command.name for command in COMMANDS}


def test_exit_codes() -> None:
    now = {str(code): status for code, (status, _) in EXIT_CODES.items()}
    assert {code: now.get(code) for code in frozen("exit_codes", now)} == frozen("exit_codes", now)


@pytest.mark.parametrize("code", [3, 77, 130, 143, -1])
def test_any_other_exit_code_is_an_error(code: int) -> None:
    assert status_for(code) == "error"


def test_references_are_never_taken_back() -> None:
    now = {
        ref: {"acceptable": reference.acceptable, "exit_code": reference.exit_code} for ref, reference in sorted(all_references().items())
    }
    promised = frozen("references", now)
    assert {ref: now.get(ref) for ref in promised} == promised


@pytest.fixture(scope="module")
def played(materials: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage that the commands below change one after the other."""
    folder = tmp_path_factory.mktemp("played")
    shutil.copytree(materials, folder / "stage", symlinks=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LC_ALL", "fr_FR.UTF-8")
        patch.setenv("XDG_STATE_HOME", str(folder / "logs"))
        yield Stage(folder=folder / "stage", monkeypatch=patch)


@pytest.fixture(scope="module")
def answers(played: Stage) -> dict[str, Answer]:
    """One answer of every command that an offline volume can give, refusals and failures included."""
    stage, on, run = played, played.on, played.run
    found = {
        "inspect": run("--json", *on[:2], "inspect", stage.package("ATSAM-4.50.pkg")),
        "check": run("--json", *on, "check", stage.package("ATSAM-4.50.pkg")),
        "status": run("--json", *on, "status"),
        "verify": run("--json", *on, "verify"),
        "facts": run("--json", *on, "facts"),
        "install": run("--json", *on, "--yes", "install", stage.package("ATSAM-4.41.pkg")),
        "install (rolled back)": run("--json", *on, "--yes", "install", stage.package("lying.pkg")),
        "rollback": run("--json", *on, "--yes", "rollback"),
        "recover": run("--json", *on, "recover"),
        "uninstall": run("--json", *on, "--yes", "--accept", "dependents.present", "uninstall", "--all"),
        "snapshots list": run("--json", *on, "snapshots", "list"),
        "snapshots check": run("--json", *on, "snapshots", "check"),
        "manifests list": run("--json", *on, "manifests", "list"),
        "manifests show": run("--json", *on, "manifests", "show", "galss"),
        "manifests check": run("--json", *on, "manifests", "check"),
    }
    newest = found["snapshots list"].json["data"]["latest"]
    found["snapshots show"] = run("--json", *on, "snapshots", "show", newest)
    found["snapshots export"] = run("--json", *on, "snapshots", "export", newest, str(stage.folder / "export"))
    found["snapshots prune"] = run("--json", *on, "--yes", "snapshots", "prune", "--keep", "1")
    return found


@pytest.mark.slow
def test_json_keys(answers: dict[str, Answer]) -> None:
    codes = {name: answer.code for name, answer in answers.items()}
    refused = {"check": 10, "install (rolled back)": 20}
    assert codes == {name: refused.get(name, 0) for name in codes}
    now = {name: sorted(key_paths(answer.json["data"])) for name, answer in answers.items()}
    promised = frozen("json_keys", now)
    assert {name: sorted(set(paths) - set(now[name])) for name, paths in promised.items()} == {name: [] for name in promised}


def test_the_envelope(answers: dict[str, Answer]) -> None:
    for name, answer in answers.items():
        envelope = answer.json
        assert set(envelope) == set(ENVELOPE), name
        assert list(envelope)[:5] == ["atsam_safe", "command", "status", "exit_code", "data"]
        assert envelope["atsam_safe"] == 1
        assert envelope["command"] == name.removesuffix(" (rolled back)")
        assert envelope["status"] == status_for(envelope["exit_code"])
        for entry in (*envelope["errors"], *envelope["notices"]):
            assert {"ref", "what", "why", "next"} <= set(entry)
            assert re.fullmatch(r"[a-z0-9.-]+", entry["ref"])


def test_the_keys_the_contract_names_word_for_word(answers: dict[str, Answer]) -> None:
    package = answers["inspect"].json["data"]["packages"][0]
    assert {"path", "sha256", "size", "format", "product", "components", "signature", "build"} <= set(package)
    assert {"title", "host_architectures", "root_volume_only", "unknown_checks"} <= set(package["product"])
    assert {"identifier", "version", "install_location", "payload", "scripts", "component", "known_release"} <= set(
        package["components"][0]
    )
    assert {"files", "bytes", "compression"} <= set(package["components"][0]["payload"])
    assert {"verdict", "signer", "team_id", "signed_at", "timestamped", "notarized", "reasons"} <= set(package["signature"])
    assert package["build"] == {"id": "atsam-macos-4.50", "bundle": "atsam-macos-4.50"}
    decision = answers["check"].json["data"]
    assert decision["decision"] == "refuse"
    assert all({"ref", "outcome", "what", "why", "next", "evidence"} <= set(rule) for rule in decision["rules"])
    assert decision["recommended"] == "atsam-macos-4.41"
    status = answers["status"].json["data"]
    assert {"os", "components", "bundle", "dependents", "fit"} <= set(status)
    assert {"component", "version", "state", "witnesses"} <= set(status["components"][0])
    installed = answers["install"].json["data"]
    assert {"transaction", "snapshot", "digest_before", "digest_after", "residue", "verification"} <= set(installed)
    assert {"name", "outcome", "seconds"} <= set(installed["transaction"]["steps"][0])


def test_the_snapshot_format(answers: dict[str, Answer], played: Stage) -> None:
    store = played.folder / "poste/Library/Application Support/atsam-safe"
    (place,) = [path for path in (store / "snapshots").iterdir() if path.name == answers["snapshots show"].json["data"]["snapshot"]["id"]]
    manifest = msgspec.json.decode((place / "manifest.json").read_bytes())
    assert (place / "restore.sh").is_file()
    entry = next(item for item in manifest["paths"] if item["kind"] == "file")
    now = {"manifest": sorted(manifest), "file": sorted(entry)}
    promised = frozen("snapshot_format", now)
    assert all(set(promised[part]) <= set(now[part]) for part in promised)
    assert (store / "objects" / entry["sha256"][:2] / entry["sha256"][2:]).is_file()


def test_a_restart_that_is_needed_can_be_told_in_windows_installer_terms(stage: Stage) -> None:
    with stage.monkeypatch.context() as patch:
        patch.setattr("atsam_safe.cli.commands.status.run", lambda _session: CommandResult(command="status", exit_code=30))
        assert stage.run("--json", "status").json["exit_code"] == 30
        answer = stage.run("--json", "--msi-exit-codes", "status").json
    assert answer["exit_code"] == 3010
    assert answer["status"] == "restart-needed"
