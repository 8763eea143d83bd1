from __future__ import annotations

import importlib
import inspect
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from atsam_safe.cli import dispatch, parser
from atsam_safe.cli.arguments import ArgumentsError, GlobalOptions, locale_of, split
from atsam_safe.cli.signals import Stopped
from atsam_safe.cli.table import BY_NAME, COMMANDS
from atsam_safe.report.result import CommandResult
from atsam_safe.words import Problem, WordsMissingError

if TYPE_CHECKING:
    from lab.stage import Stage

PROJECT = Path(__file__).resolve().parents[3]
PROGRAM = [sys.executable, "-m", "atsam_safe"]


@pytest.mark.parametrize(
    ("arguments", "options", "rest"),
    [
        (["status"], GlobalOptions(), ["status"]),
        (["--json", "status"], GlobalOptions(json=True), ["status"]),
        (["status", "--json"], GlobalOptions(json=True), ["status"]),
        (["status", "--root", "/x", "--lang=en"], GlobalOptions(root="/x", lang="en"), ["status"]),
        (["--accept", "a.b", "check", "p", "--accept=c.d"], GlobalOptions(accept=("a.b", "c.d")), ["check", "p"]),
        (["-y", "install", "p"], GlobalOptions(yes=True), ["install", "p"]),
        (["check", "--", "--json"], GlobalOptions(), ["check", "--", "--json"]),
        (["diagnose", "--symptom", "x"], GlobalOptions(), ["diagnose", "--symptom", "x"]),
        (["--root", "a", "--root", "b", "status"], GlobalOptions(root="b"), ["status"]),
    ],
)
def test_global_options_are_taken_from_anywhere(arguments: list[str], options: GlobalOptions, rest: list[str]) -> None:
    assert split(arguments) == (options, rest)


@pytest.mark.parametrize(
    ("arguments", "ref"),
    [
        (["status", "--root"], "usage.option-needs-value"),
        (["--root=", "status"], "usage.option-needs-value"),
        (["--json=yes", "status"], "usage.option-takes-no-value"),
        (["--lang", "de", "status"], "usage.option-choice"),
    ],
)
def test_wrong_global_options_are_told_and_the_others_still_count(arguments: list[str], ref: str) -> None:
    with pytest.raises(ArgumentsError) as raised:
        split([*arguments, "--json"])
    assert raised.value.problems[0].ref == ref
    assert raised.value.options.json


@pytest.mark.parametrize(
    ("environment", "expected"),
    [({}, None), ({"LANG": "fr_FR"}, "fr_FR"), ({"LANG": "a", "LC_ALL": "b"}, "b"), ({"LC_ALL": "", "LC_MESSAGES": "c"}, "c")],
)
def test_the_locale_is_found_as_posix_says(environment: dict[str, str], expected: str | None) -> None:
    assert locale_of(environment) == expected


@pytest.mark.parametrize(
    ("arguments", "ref"),
    [
        ([], "usage.no-command"),
        (["stattus"], "usage.unknown-command"),
        (["status", "--frob"], "usage.unknown-option"),
        (["check"], "usage.argument-missing"),
        (["uninstall"], "usage.uninstall-needs-all"),
        (["status", "extra"], "usage.argument-unexpected"),
        (["snapshots", "prune", "--keep", "x"], "usage.option-value"),
        (["status"], "usage.no-live-adapter"),
        (["--root", "/does/not/exist", "status"], "usage.root-not-a-folder"),
        (["inspect", "/does/not/exist"], "usage.file-not-found"),
        (["--facts", "/does/not/exist", "status"], "usage.file-not-found"),
        (["--facts", "x", "--root", "/", "status"], "usage.facts-and-root"),
        (["manifests", "show", "nothing"], "usage.unknown-entry"),
        (["manifests", "check", "/does/not/exist"], "usage.file-not-found"),
        (["--lang", "de", "status"], "usage.option-choice"),
        (["snapshots", "frobnicate"], "usage.argument-unexpected"),
    ],
)
def test_a_wrong_command_line_ends_2_in_words_and_in_json(stage: Stage, arguments: list[str], ref: str) -> None:
    answer = stage.run("--json", *arguments)
    assert answer.code == 2
    assert [error["ref"] for error in answer.json["errors"]] == [ref]
    told = stage.run(*arguments)
    assert told.code == 2
    assert ref in told.out
    assert "Traceback" not in told.out + told.err


@pytest.mark.parametrize("path", [[], ["install"], ["snapshots"], ["snapshots", "list"], ["manifests", "show"], ["verify"]])
@pytest.mark.parametrize(("language", "word", "option"), [("fr", "Utilisation :", "--root DOSSIER"), ("en", "Usage:", "--root DIR")])
def test_help_speaks_the_users_language(stage: Stage, path: list[str], language: str, word: str, option: str) -> None:
    answer = stage.run("--lang", language, *path, "--help")
    assert answer.code == 0
    assert word in answer.out
    assert option in answer.out
    assert stage.run("--json", *path, "--help").json["data"]["help"].startswith("Utilisation")


def crash(_session: object, **_arguments: object) -> NoReturn:
    secret = "1234"  # noqa: F841 - must not reach the log
    raise ZeroDivisionError


def test_a_crash_is_told_with_a_bug_reference_and_without_a_traceback(stage: Stage) -> None:
    with stage.monkeypatch.context() as patch:
        patch.setattr("atsam_safe.cli.commands.status.run", crash)
        answer = stage.run("--json", "status")
        told = stage.run("status")
    (error,) = answer.json["errors"]
    assert answer.code == 1
    assert error["ref"] == "program.internal-error"
    assert len(error["evidence"]["bug"]) == 8
    assert "Traceback" not in answer.out + answer.err + told.out + told.err
    (log, *_) = stage.folder.parent.glob("logs/atsam-safe/log/*.log")
    assert log.stat().st_mode & 0o777 == 0o600
    text = log.read_text()
    assert "ZeroDivisionError" in text
    assert "1234" not in text.replace('secret = "1234"', "")


def test_a_crash_of_the_report_does_not_hide_what_was_done(stage: Stage) -> None:
    with stage.monkeypatch.context() as patch:
        patch.setattr("atsam_safe.report.views.workstation.status_view", crash)
        told = stage.run(*stage.on, "status")
    assert told.code == 1
    assert "program.internal-error" in told.out


def test_missing_words_are_said_in_both_languages(stage: Stage) -> None:
    def missing(*_: object) -> NoReturn:
        raise WordsMissingError

    with stage.monkeypatch.context() as patch:
        patch.setattr("atsam_safe.words.french.french", missing)
        answer = stage.run("stattus")
    assert answer.code == 2
    assert "réinstallez" in answer.out
    assert "again" in answer.out


@pytest.mark.parametrize(
    ("error", "code", "ref"),
    [(KeyboardInterrupt(), 130, "run.interrupted-by-user"), (Stopped(signal.SIGTERM), 143, "run.stopped-by-signal")],
)
def test_an_interrupted_command_ends_with_the_signals_code(stage: Stage, error: BaseException, code: int, ref: str) -> None:
    def interrupt(_session: object) -> NoReturn:
        raise error

    with stage.monkeypatch.context() as patch:
        patch.setattr("atsam_safe.cli.commands.status.run", interrupt)
        answer = stage.run("--json", "status")
    assert answer.code == code
    assert answer.json["errors"][0]["ref"] == ref
    assert answer.json["status"] == "error"


def test_another_catalogue_is_named_in_every_output(stage: Stage) -> None:
    place = str(stage.folder / "catalogue")
    for arguments, code in ((["status"], 0), (["check", stage.package("ATSAM-4.50.pkg")], 10), (["rollback"], 10)):
        answer = stage.run("--json", *stage.on, *arguments)
        assert answer.code == code
        assert answer.json["catalogue"]["origin"] == place
        assert place in "".join(stage.run(*stage.on, *arguments).out.split("\n")).replace(" ", "")


def test_a_facts_file_written_from_the_text_form_is_a_facts_file(stage: Stage) -> None:
    told = stage.run(*stage.on, "facts")
    assert str(stage.folder / "catalogue") in told.err
    file = stage.folder / "poste.json"
    file.write_text(told.out, encoding="utf-8")
    assert stage.run("--json", "--manifests", str(stage.folder / "catalogue"), "--facts", str(file), "status").code == 0


def test_nothing_is_changed_without_consent(stage: Stage) -> None:
    package = stage.package("ATSAM-4.41.pkg")
    unasked = stage.run("--json", *stage.on, "install", package)
    assert unasked.code == 2
    assert unasked.json["errors"][0]["ref"] == "usage.consent-needed"
    assert unasked.json["data"]["plan"]["steps"]
    declined = stage.run("--json", *stage.on, "install", package, stdin="non\n")
    assert declined.code == 2
    assert declined.json["errors"][0]["ref"] == "usage.consent-declined"
    assert "Ce qui va être fait" in declined.err
    assert not (stage.folder / "poste/Library/Application Support/atsam-safe").exists()
    accepted = stage.run("--json", *stage.on, "install", package, stdin="oui\n")
    assert accepted.code == 0


def test_a_refusal_leaves_no_trace(stage: Stage) -> None:
    before = sorted(str(path) for path in (stage.folder / "poste").rglob("*"))
    assert stage.run("--json", *stage.on, "--yes", "install", stage.package("ATSAM-4.50.pkg")).code == 10
    assert sorted(str(path) for path in (stage.folder / "poste").rglob("*")) == before


def test_rehearsing_touches_nothing_and_forecasts(stage: Stage) -> None:
    before = sorted((str(path), path.lstat().st_mtime_ns) for path in (stage.folder / "poste").rglob("*"))
    answer = stage.run("--json", *stage.on, "rehearse", stage.package("ATSAM-4.41.pkg"))
    assert answer.code == 0
    assert answer.json["command"] == "rehearse"
    assert answer.json["data"]["forecast"]["bytes"] > 0
    assert stage.run("--json", *stage.on, "rehearse", stage.package("lying.pkg")).code == 20
    assert stage.run("--json", *stage.on, "rehearse", stage.package("ATSAM-4.50.pkg")).code == 10
    assert sorted((str(path), path.lstat().st_mtime_ns) for path in (stage.folder / "poste").rglob("*")) == before


def test_a_mailed_facts_file_is_judged_as_the_workstation_itself(stage: Stage) -> None:
    facts = stage.run("--json", *stage.on, "facts").json["data"]["facts"]
    file = stage.folder / "poste.json"
    file.write_text(json.dumps(facts), encoding="utf-8")
    there = ("--manifests", str(stage.folder / "catalogue"), "--facts", str(file))
    for arguments in (["status"], ["verify"], ["check", stage.package("ATSAM-4.50.pkg")], ["diagnose", "--symptom", "erreur 777"]):
        here = stage.run("--json", *stage.on, *arguments).json
        elsewhere = stage.run("--json", *there, *arguments).json
        assert elsewhere["exit_code"] == here["exit_code"]
        assert [error["ref"] for error in elsewhere["errors"]] == [error["ref"] for error in here["errors"]]
    assert (
        stage.run("--json", *there, "--yes", "install", stage.package("ATSAM-4.41.pkg")).json["errors"][0]["ref"] == "usage.facts-read-only"
    )


@pytest.mark.parametrize("rest", [["status"], *([command.name, "a.pkg"] for command in COMMANDS if command.operand or command.operands)])
def test_what_needs_no_parser_is_understood_as_the_parser_understands_it(rest: list[str]) -> None:
    plain = dispatch._plain(rest)
    call = parser.parse(rest)
    assert plain is not None
    assert call is not None
    run = importlib.import_module(BY_NAME[rest[0]].module).run
    bound = inspect.signature(run).bind(None, **plain)
    bound.apply_defaults()
    assert {name: value for name, value in bound.arguments.items() if name != "session"} == call.arguments


@pytest.mark.parametrize(
    "rest",
    [
        [],
        ["inspect"],
        ["install"],
        ["install", "a", "b"],
        ["check", "--help"],
        ["check", "--", "a"],
        ["nothing", "a"],
        ["uninstall", "--all"],
    ],
)
def test_everything_else_is_for_the_parser(rest: list[str]) -> None:
    assert dispatch._plain(rest) is None


def test_restart_and_catalogue_survive_in_a_result() -> None:
    result = CommandResult(command="install", exit_code=20, problems=(Problem(ref="a.b"),))
    assert result.status == "rolled-back"


def test_version_is_fast_and_status_loads_only_what_it_needs(stage: Stage) -> None:
    def loaded(*arguments: str) -> set[str]:
        command = [sys.executable, "-X", "importtime", "-m", "atsam_safe", *arguments]
        # measuring coverage loads modules of its own into every process
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=PROJECT / "src", env=environment)
        return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}

    version = loaded("--version")
    assert not {name for name in version if name.startswith(("atsam_safe.", "typer", "msgspec", "rich"))}
    status = loaded("--json", *stage.on, "status")
    forbidden = ("typer", "rich", "cryptography", "asn1crypto", "plumbum", "tenacity", "platformdirs", "inspect", "tomllib.")
    assert {name for name in status if name.split(".")[0] in {item.rstrip(".") for item in forbidden} - {"tomllib"}} == set()
    # six of them are the words: that the set is known from practices alone is said, and a sentence needs them
    assert len({name for name in status if name.startswith("atsam_safe")}) < 86


def test_a_reader_that_goes_away_is_no_fault(stage: Stage) -> None:
    command = f"'{sys.executable}' -m atsam_safe --help | head -n 1"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False, timeout=60, cwd=PROJECT / "src")
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr
    assert stage.folder.exists()


@pytest.mark.parametrize(
    ("arguments", "ref"),
    [
        (("status", "extra"), "usage.argument-unexpected"),
        (("check", "one.pkg", "two.pkg"), "usage.argument-unexpected"),
        (("snapshots", "foo"), "usage.argument-unexpected"),
        (("snapshots",), "usage.argument-missing"),
        (("snapshots", "prune", "--keep", "0"), "usage.option-value"),
        (("snapshots", "prune", "--keep", "x"), "usage.option-value"),
        (("inspect", ""), "usage.argument-empty"),
        (("install", ""), "usage.argument-empty"),
    ],
)
def test_no_sentence_of_the_parser_reaches_a_person(stage: Stage, arguments: tuple[str, ...], ref: str) -> None:
    answer = stage.run("--json", "--lang", "fr", *arguments)
    assert answer.code == 2
    (problem,) = answer.json["errors"]
    assert problem["ref"] == ref
    assert not any(english in problem["what"] for english in ("Got ", "No such", "Missing", "is not", "range"))


def test_a_name_that_is_no_text_is_told_in_the_envelope(stage: Stage) -> None:
    answer = stage.run("--json", "inspect", "bad-\udcff.pkg")
    assert answer.code == 2
    assert "bad-\\udcff.pkg" in answer.json["errors"][0]["what"]


@pytest.mark.parametrize(
    ("command", "code"), [("--json status 2>&-", 2), ("--json status >&-", 2), ("status <&- >&- 2>&-", 2), ("--version >&-", 0)]
)
def test_closed_standard_streams_change_no_exit_code(command: str, code: int) -> None:
    line = f"'{sys.executable}' -m atsam_safe {command}"
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False, timeout=60, cwd=PROJECT / "src")
    assert done.returncode == code
    assert done.stderr == ""
    assert done.stdout == "" or done.stdout.startswith('{"atsam_safe":1')


_INTERRUPTED = """
import os, signal, sys
class Finder:
    def find_spec(self, name, *_):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
sys.modules.pop({module!r}, None)
sys.argv = ["atsam-safe", "--json", "status"]
from atsam_safe.__main__ import main
main()
"""


def started(script: str) -> subprocess.Popen[str]:
    """The program in a process of its own; pytest may itself run with Ctrl-C ignored (in the background): that is not inherited."""
    return subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=PROJECT / "src",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 - see above
    )


_ANSWERING = """
import os, signal, sys
import atsam_safe.cli.dispatch as dispatch
written = dispatch._worded
def late(session, result):
    answer = written(session, result)
    for _ in range({times}):
        os.kill(os.getpid(), signal.{name})
    return answer
dispatch._worded = late
sys.argv = ["atsam-safe", "--json", *{arguments}]
from atsam_safe.__main__ import main
main()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize(("arguments", "code"), [(["manifests", "list"], 0), (["--lang", "xx"], 2)])
def test_a_signal_while_answering_contradicts_no_answer(name: str, arguments: list[str], code: int) -> None:
    with started(_ANSWERING.format(times=1, name=name, arguments=arguments)) as late:
        out, err = late.communicate(timeout=60)
    (line,) = out.splitlines()
    assert (late.returncode, json.loads(line)["exit_code"], err) == (code, code, "")


def test_a_second_signal_ends_a_program_whose_reader_reads_no_more() -> None:
    with started(_ANSWERING.format(times=2, name="SIGTERM", arguments=["manifests", "list"])) as late:
        out, err = late.communicate(timeout=60)
    assert (late.returncode, out, err) == (128 + signal.SIGTERM, "", "")


@pytest.mark.parametrize(
    "module",
    [
        "resource",
        "typing",
        "msgspec",
        "atsam_safe.cli.dispatch",
        "atsam_safe.cli.session",
        "atsam_safe.cli.commands.status",
    ],
)
def test_an_interruption_while_loading_shows_no_traceback(module: str) -> None:
    with started(_INTERRUPTED.format(module=module)) as done:
        out, err = done.communicate(timeout=60)
    assert done.returncode == 130
    assert "Traceback" not in err
    (line,) = out.splitlines()
    assert json.loads(line)["errors"][0]["ref"] == "run.interrupted-by-user"


def test_an_interruption_before_anything_is_loaded_shows_no_traceback() -> None:
    with started(_INTERRUPTED.format(module="atsam_safe.cli.signals")) as done:
        out, err = done.communicate(timeout=60)
    assert (done.returncode, out, err) == (130, "", "")


_UNREADABLE = """
import errno, os, sys

class Unreadable:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise {error}

sys.meta_path.insert(0, Unreadable())
# what counts the lines that tests come to has loaded some before the program begins
sys.modules.pop({module!r}, None)
sys.argv = ["atsam-safe", "--json", "status"]
from atsam_safe.__main__ import main
main()
"""


@pytest.mark.parametrize("module", ["resource", "typing", "enum", "msgspec", "atsam_safe.cli.dispatch", "atsam_safe.cli.session"])
@pytest.mark.parametrize("error", ["OSError(errno.EIO, os.strerror(errno.EIO))", "ImportError('no such part')"])
def test_a_program_of_which_a_part_cannot_be_read_says_so(module: str, error: str) -> None:
    with started(_UNREADABLE.format(module=module, error=error)) as done:
        out, err = done.communicate(timeout=60)
    assert (done.returncode, out) == (1, "")
    assert "Traceback" not in err
    assert "Rien n’a été touché" in err
    assert "Install the program again" in err
