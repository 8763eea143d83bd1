from __future__ import annotations

import json
import os
import plistlib
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from atsam_safe.cards import galss_apply
from atsam_safe.cards.galss_ini import GalssIniError
from atsam_safe.report.private import without_card_numbers
from atsam_safe.snapshot.state import open_state
from atsam_safe.volume.state_place import default_state_path
from atsam_safe.words.model import Problem
from lab.card import virtual_card as plastic
from lab.card.galss_files import galss_ini
from lab.card.requests import cps
from lab.card.virtual_card import NoApplication

from .conftest import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.stage import Stage

    from .conftest import Desk

PROJECT = Path(__file__).resolve().parents[3]
CPS_READER, VITALE_READER = "Lecteur CPS 00 00", "Lecteur Vitale 00 00"


def atsam_safe(folder: Path, *arguments: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run the program as a person would, with a state folder of its own."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "src"), "LC_ALL": "C.UTF-8"}
    command = [*before, sys.executable, "-m", "atsam_safe", "--state-dir", str(folder / "state"), "--lang", "fr", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment, stdin=subprocess.DEVNULL)


def answer(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = atsam_safe(folder, "--json", *arguments)
    value: dict[str, Any] = json.loads(done.stdout)
    assert value["exit_code"] == done.returncode
    return done.returncode, value


@pytest.fixture(autouse=True)
def unmarked_system() -> Iterator[None]:
    """A Linux is no workstation: whatever is done to single files of it, nothing is left at its root."""
    place = default_state_path(Path("/"))
    before = place.exists()
    yield
    assert place.exists() == before


@pytest.fixture
def two_readers(desk: Desk) -> Desk:
    desk.readers("Lecteur CPS", "Lecteur Vitale")
    desk.insert(plastic.ATR_CPS3, cps())
    desk.insert(plastic.ATR_VITALE_2, NoApplication(), reader=1)
    return desk


def test_doctor_climbs_the_ladder_and_says_nothing_personal(two_readers: Desk, tmp_path: Path) -> None:
    del two_readers
    code, value = answer(tmp_path, "cards", "doctor", "--wait", "0")
    rungs = {rung["id"]: rung["outcome"] for rung in value["data"]["card"]["rungs"]}
    assert [rungs[name] for name in ("service", "readers", "card", "application")] == ["pass"] * 4
    assert rungs["middleware"] == "fail", "the genuine middleware is not part of the lab"
    assert code == 11
    assert [error["ref"] for error in value["errors"]] == ["middleware.absent"]
    text = json.dumps(value)
    assert not any(secret in text for secret in ("26000123", "2600012345", "899700000000", "ESSAI"))
    shown = atsam_safe(tmp_path, "cards", "doctor", "--wait", "0")
    assert "Bibliothèque de carte des composants" in shown.stdout
    assert "26000123" not in shown.stdout + shown.stderr


def test_looking_at_a_card_leaves_no_state_folder_behind(two_readers: Desk, tmp_path: Path) -> None:
    """An installation takes over a state folder only when it is whole: half a one, made by a mere look, would make it refuse."""
    del two_readers
    answer(tmp_path, "cards", "doctor", "--wait", "0")
    assert not (tmp_path / "state").exists()
    open_state(tmp_path, tmp_path / "state").close()
    answer(tmp_path, "cards", "doctor", "--wait", "0")
    assert (tmp_path / "state" / "card-key").stat().st_mode & 0o777 == 0o600
    open_state(tmp_path, tmp_path / "state").close()


SWAPPED = [
    {"number": 1, "reader": VITALE_READER, "resources": ["CPS"]},
    {"number": 2, "reader": CPS_READER, "resources": ["Vitale"]},
    {"number": 3, "reader": "Ancien lecteur 0", "resources": ["CPS1"]},
]


@pytest.mark.needs("lasting place")
def test_realign_shows_then_writes_and_keeps_the_former_state(two_readers: Desk, tmp_path: Path) -> None:
    del two_readers
    path = tmp_path / "galss.ini"
    former = galss_ini(SWAPPED, line_end="\r")
    path.write_bytes(former)
    (tmp_path / "io_comm.ini").write_bytes(b"[IO]\r\n")
    code, value = answer(tmp_path, "cards", "realign", "--file", str(path))
    assert (code, value["data"]["proposal"]["applied"]) == (0, False)
    assert path.read_bytes() == former
    assert not (tmp_path / "state").exists(), "looking leaves no trace"
    code, value = answer(tmp_path, "cards", "realign", "--file", str(path), "--apply")
    assert (code, value["data"]["proposal"]["applied"], value["data"]["transaction"]["outcome"]) == (0, True, "committed")
    assert b"Ancien lecteur" not in path.read_bytes()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["galss.ini", "io_comm.ini", "state"]
    manifest = json.loads((Path(value["data"]["snapshot_place"]) / "manifest.json").read_bytes())
    assert [entry["path"] for entry in manifest["paths"]] == [str(path), str(tmp_path / "io_comm.ini")]
    code, value = answer(tmp_path, "cards", "realign", "--file", str(path))
    assert (code, value["data"]["proposal"]["changes"]) == (0, [])
    assert [notice["ref"] for notice in value["notices"]] == ["galss.aligned"]


@pytest.mark.needs("lasting place", "no adapter")
def test_where_no_adapter_is_the_snapshots_own_script_is_advised_and_works(two_readers: Desk, tmp_path: Path) -> None:
    """« atsam-safe rollback » was advised, and refused to work on this system."""
    del two_readers
    path = tmp_path / "galss.ini"
    former = galss_ini(SWAPPED)
    path.write_bytes(former)
    shown = atsam_safe(tmp_path, "cards", "realign", "--file", str(path), "--apply").stdout
    snapshot = max(folder for folder in (tmp_path / "state/snapshots").iterdir() if folder.name[0] == "0")
    script = f"sh {snapshot}/restore.sh /"
    assert f"pour annuler : {script}" in " ".join(shown.split())
    path.write_bytes(bytes(100))
    code, value = answer(tmp_path, "cards", "realign", "--file", str(path))
    assert (code, [script in error["next"] for error in value["errors"]]) == (11, [True])
    assert "rollback" not in json.dumps(value)
    subprocess.run(script.split(), check=True, capture_output=True)
    assert path.read_bytes() == former
    path.write_bytes(former.replace(b"\n", b"\r\n"))
    _, value = answer(tmp_path, "cards", "realign", "--file", str(path), "--apply")
    assert value["data"]["undo"].startswith("sh ")


def test_realign_on_a_volume_is_undone_by_rollback(two_readers: Desk, stage: Stage) -> None:
    del two_readers
    path = stage.folder / "poste/Library/Preferences/galss.ini"
    former = galss_ini(SWAPPED, line_end="\r\n")
    path.write_bytes(former)
    inode = path.with_name("io_comm.ini").stat().st_ino
    done = stage.run(*stage.on, "--json", "cards", "realign", "--apply").json
    assert (done["exit_code"], done["data"]["proposal"]["applied"]) == (0, True)
    assert path.read_bytes() != former
    shown = stage.run(*stage.on, "cards", "realign")
    assert shown.code == 0
    assert "galss.ini est bon" in shown.out
    assert [notice["ref"] for notice in done["notices"]] == ["cards.readers-of-this-computer"]
    assert "Les lecteurs regardés sont ceux de cet ordinateur, pas ceux du poste" in shown.out
    assert done["data"]["undo"] == f"atsam-safe rollback {done['data']['snapshot']}"
    undone = stage.run(*stage.on, "--json", "--yes", "rollback")
    assert undone.json["data"]["restored"] == done["data"]["snapshot"]
    assert path.read_bytes() == former
    assert path.with_name("io_comm.ini").stat().st_ino == inode, "the other file was never touched"
    told = stage.run(*stage.on, "cards", "realign", "--apply").out
    assert "galss.ini a été corrigé." in told
    assert "GALSS lit ce fichier à son démarrage." in told


def test_realign_killed_in_the_middle_is_recovered_by_the_next_start(
    two_readers: Desk, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    del two_readers
    path = stage.folder / "poste/Library/Preferences/galss.ini"
    former = galss_ini(SWAPPED)
    path.write_bytes(former)
    child = os.fork()
    if child == 0:
        whole = galss_apply.apply_proposal

        def killed(*arguments: object) -> None:
            whole(*arguments)  # type: ignore[arg-type] # as they came
            os.kill(os.getpid(), signal.SIGKILL)

        monkeypatch.setattr("atsam_safe.cli.card_changes.apply_proposal", killed)
        stage.run(*stage.on, "cards", "realign", "--apply")
        os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    assert path.read_bytes() != former
    done = stage.run(*stage.on, "--json", "--no-recover", "cards", "clear-cache")
    assert (done.code, [error["ref"] for error in done.json["errors"]]) == (22, ["state.interrupted-run"])
    done = stage.run(*stage.on, "--json", "cards", "realign", "--apply")
    assert (done.code, done.json["data"]["recovered"]["transaction"]["outcome"]) == (0, "rolled-back")
    assert path.read_bytes() != former


def test_a_file_that_changes_under_the_run_goes_back_and_is_said(two_readers: Desk, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    del two_readers
    path = stage.folder / "poste/Library/Preferences/galss.ini"
    former = galss_ini(SWAPPED)
    path.write_bytes(former)

    def reread(*_: object) -> None:
        path.write_bytes(b"")
        raise GalssIniError(Problem(ref="galss.realign-readback"))

    monkeypatch.setattr("atsam_safe.cli.card_changes.apply_proposal", reread)
    done = stage.run(*stage.on, "--json", "cards", "realign", "--apply").json
    assert (done["exit_code"], [error["ref"] for error in done["errors"]]) == (20, ["galss.realign-readback"])
    assert not done["data"]["proposal"]["applied"]
    assert path.read_bytes() == former


@pytest.mark.needs("lasting place")
def test_realign_without_the_card_changes_nothing(desk: Desk, tmp_path: Path) -> None:
    desk.readers("Lecteur CPS", "Lecteur Vitale")
    path = tmp_path / "galss.ini"
    path.write_bytes(b"")
    code, value = answer(tmp_path, "cards", "realign", "--file", str(path), "--apply")
    assert (code, [error["ref"] for error in value["errors"]]) == (11, ["galss.realign-needs-cps"])
    assert path.read_bytes() == b""
    assert [entry.name for entry in tmp_path.iterdir()] == ["galss.ini"]


def test_watch_says_what_is_in_the_readers(two_readers: Desk, tmp_path: Path) -> None:
    del two_readers
    code, value = answer(tmp_path, "cards", "watch", "--seconds", "0.3")
    assert code == 0
    cards = {entry["reader"]: entry["card"] and entry["card"]["kind"] for entry in value["data"]["readers"]}
    assert (cards[CPS_READER], cards[VITALE_READER]) == ("cps", "vitale")


def test_doctor_follows_insertions_live_until_it_is_interrupted(two_readers: Desk, tmp_path: Path) -> None:
    """Ctrl+C is how a person ends it: the answer comes all the same, and judges what was seen last."""
    command = [sys.executable, "-m", "atsam_safe", "--state-dir", str(tmp_path / "state"), "--json", "cards", "doctor", "--watch"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "src"), "LC_ALL": "fr_FR.UTF-8"}
    shown = tmp_path / "shown"
    with (
        shown.open("wb") as stream,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stream, env=environment) as doctor,
    ):
        try:
            until(lambda: "11. Même carte" in shown.read_text(), seconds=20)
            assert " 4. Application CPS et numéro de série : en ordre" in shown.read_text()
            two_readers.remove(two_readers.cards[0])
            until(lambda: " 6. Carte vue par la bibliothèque" in shown.read_text().partition("11. Même carte")[2], seconds=20)
            doctor.send_signal(signal.SIGINT)
            out, _ = doctor.communicate(timeout=20)
        finally:
            doctor.kill()
    value = json.loads(out)
    assert value["data"]["changes"] == 2
    rungs = {rung["id"]: rung["outcome"] for rung in value["data"]["card"]["rungs"]}
    assert (rungs["readers"], rungs["card"]) == ("pass", "not-checked")
    assert doctor.returncode == value["exit_code"] == 11, "the genuine middleware is not part of the lab"
    assert "26000123" not in out.decode() + shown.read_text()
    assert shown.read_text().count(" 1. Service") == 1, "what did not change is not said again"


def test_watching_a_volume_that_does_not_run_is_refused(stage: Stage) -> None:
    """``--watch`` was passed over in silence there."""
    refused = stage.run(*stage.on, "--json", "cards", "doctor", "--watch")
    assert (refused.code, [error["ref"] for error in refused.json["errors"]]) == (2, ["cards.watch-and-root"])


def test_watching_and_signing_exclude_each_other(tmp_path: Path) -> None:
    code, value = answer(tmp_path, "cards", "doctor", "--watch", "--challenge")
    assert (code, [error["ref"] for error in value["errors"]]) == (2, ["cards.watch-and-challenge"])


SERIAL = "8025000001260001235F"


def test_the_cache_is_cleared_within_a_snapshot_and_comes_back(stage: Stage) -> None:
    cache = stage.folder / "poste/Library/Caches/santesocial/CPS"
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    (cache / f"{SERIAL}_3F00").write_bytes(b"x")
    (cache / f"{SERIAL}_lien").symlink_to("/etc/passwd")
    (cache / "dossier").mkdir()
    done = stage.run(*stage.on, "--json", "cards", "clear-cache")
    assert (done.code, done.json["data"]["cleared"]) == (0, [{"path": str(cache), "files": 2}])
    assert [entry.name for entry in cache.iterdir()] == ["dossier"]
    assert "26000123" not in done.out + done.err
    journals = [path.read_bytes() for path in (stage.folder / "poste/Library/Application Support/atsam-safe/history").rglob("*")]
    assert journals
    assert not any(b"26000123" in text for text in journals)
    for form in ((), ("--json",)):
        shown = stage.run(*stage.on, *form, "snapshots", "show", done.json["data"]["snapshot"])
        assert shown.code == 0
        assert "26000123" not in shown.out + shown.err
    assert stage.run(*stage.on, "--yes", "rollback").code == 0
    assert sorted(entry.name for entry in cache.iterdir()) == [f"{SERIAL}_3F00", f"{SERIAL}_lien", "dossier"]
    assert (cache / f"{SERIAL}_3F00").read_bytes() == b"x"


@pytest.mark.parametrize(
    ("shown", "kept"),
    [
        ('"/Library/Caches/santesocial/CPS/8025000001260001235F_3F00"', False),
        ("/etc/opt/santesocial/CPS/cache/26000123_3F00", False),
        (r'"C:\\ProgramData\\santesocial\\cps\\cache\\8025000001260001235f_x"', False),
        ("/Library/Frameworks/26000123_x", True),
        ("/Library/Preferences/santesocial/CPS/coffre/AC_1.cer", True),
    ],
)
def test_a_card_number_in_a_file_s_name_is_taken_out_of_every_answer(shown: str, *, kept: bool) -> None:
    told = without_card_numbers(shown.encode()).decode()
    assert (told == shown) is kept
    assert kept or not any(number in told.lower() for number in ("26000123", "260001235f"))


def test_without_a_cache_nothing_is_begun(stage: Stage, tmp_path: Path) -> None:
    done = stage.run(*stage.on, "--json", "cards", "clear-cache")
    assert [notice["ref"] for notice in done.json["notices"]] == ["cards.cache-none"]
    assert done.json["data"] == {"cleared": []}
    for language, told, never in (
        ("fr", "Il n’y a pas de cache de carte sur ce poste.", "vidé"),
        ("en", "There is no card cache", "clear ("),
    ):
        shown = stage.run(*stage.on, "--lang", language, "cards", "clear-cache").out
        assert told in shown.replace("\n", " ")
        assert never not in shown, "nothing was there, so nothing succeeded"
        assert shown.count(told) == 1
    assert not (stage.folder / "poste/Library/Application Support/atsam-safe").exists()
    code, value = answer(tmp_path, "--root", str(tmp_path / "rien"), "cards", "clear-cache")
    assert (code, [error["ref"] for error in value["errors"]]) == (2, ["usage.root-not-a-folder"])


def test_an_empty_cache_is_said_to_be_empty_and_nothing_is_begun(stage: Stage) -> None:
    cache = stage.folder / "poste/Library/Caches/santesocial/CPS"
    cache.mkdir(parents=True)
    done = stage.run(*stage.on, "--json", "cards", "clear-cache")
    assert (done.code, done.json["data"], done.json["notices"]) == (0, {"cleared": [{"path": str(cache), "files": 0}]}, [])
    for language, told in (
        ("fr", "Le cache de la carte est déjà vide : rien n’a été supprimé."),
        ("en", "The card cache is already empty"),
    ):
        assert told in stage.run(*stage.on, "--lang", language, "cards", "clear-cache").out
    assert not (stage.folder / "poste/Library/Application Support/atsam-safe").exists()


def test_doctor_on_another_volume_judges_its_files_only(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "private/var/db/receipts").mkdir(parents=True)
    receipt = {"PackageIdentifier": "fr.asipsante.pkg.cryptolibCPS", "PackageVersion": "5.2.1", "InstallPrefixPath": "/"}
    (root / "private/var/db/receipts/fr.asipsante.pkg.cryptolibCPS.plist").write_bytes(plistlib.dumps(receipt))
    (root / "Library/Preferences").mkdir(parents=True)
    (root / "Library/Preferences/galss.ini").write_bytes(b"")
    code, value = answer(tmp_path, "--root", str(root), "cards", "doctor")
    rungs = {rung["id"]: rung for rung in value["data"]["card"]["rungs"]}
    assert code == 11
    assert "pass" not in {rung["outcome"] for rung in rungs.values()}, "nothing of a card can be proven on a volume that does not run"
    assert [rung["id"] for rung in rungs.values() if rung["outcome"] == "fail"] == ["middleware", "configuration"]
    assert rungs["middleware"]["evidence"]["package"] == "5.2.1"
    assert rungs["configuration"]["problems"][0]["ref"] == "galss.empty"


def _spoilt(path: Path, how: str) -> None:
    path.unlink(missing_ok=True)
    if how == "link":
        path.symlink_to(path.with_name("io_comm.ini"))
    elif how == "folder":
        path.mkdir()
    elif how == "pipe":
        os.mkfifo(path)
    else:
        path.write_bytes({"utf-16": "[CONFIG]\r\n".encode("utf-16"), "huge": b"x" * 70_000, "lines": b"\n" * 3000, "empty": b""}[how])


@pytest.mark.parametrize(
    ("how", "french", "english"),
    [
        ("utf-16", "Le fichier galss.ini n’est pas un simple fichier de texte", "not a plain text file"),
        ("huge", "Le fichier galss.ini est beaucoup trop long", "far too long"),
        ("lines", "Le fichier galss.ini est beaucoup trop long", "far too long"),
        ("link", "À la place de galss.ini, il n’y a qu’un lien", "only a link to another file"),
        ("folder", "il y a un dossier de ce nom", "there is a folder of that name"),
        ("pipe", "n’est pas un fichier ordinaire", "is not an ordinary file"),
        ("empty", "galss.ini est vide", "galss.ini is empty"),
    ],
)
def test_each_spoilt_galss_ini_is_told_in_plain_words_with_a_remedy_that_exists(
    two_readers: Desk, stage: Stage, how: str, french: str, english: str
) -> None:
    """A way back is advised only where a snapshot holds an earlier file, and by its name."""
    del two_readers
    path = stage.folder / "poste/Library/Preferences/galss.ini"
    path.write_bytes(galss_ini(SWAPPED))
    kept = path.read_bytes()
    _spoilt(path, how)
    for words, language in ((french, "fr"), (english, "en")):
        told = stage.run(*stage.on, "--lang", language, "cards", "doctor")
        assert words in told.out.replace("\n", " ").replace("  ", " ")
        assert not any(technical in told.out for technical in ("NUL", "volume.", "> 2000", "bytes", "abîmé", "rollback"))
    path.rmdir() if how == "folder" else path.unlink()
    path.write_bytes(kept)
    done = stage.run(*stage.on, "--json", "cards", "realign", "--apply").json
    _spoilt(path, how)
    snapshot = done["data"]["snapshot"]
    judged = stage.run(*stage.on, "--json", "cards", "doctor").json
    (problem,) = [error for error in judged["errors"] if error["ref"].startswith("galss.")]
    assert (f" rollback {snapshot}" in problem["next"]) is (how != "pipe"), "what cannot be kept is not undone either"
    if how == "pipe":
        return
    if how != "empty":
        refused = stage.run(*stage.on, "--json", "cards", "realign").json
        assert [(error["ref"], error["next"]) for error in refused["errors"]] == [("galss.unreadable", problem["next"])]
    assert stage.run(*stage.on, "--yes", "rollback", snapshot).code == 0
    assert path.read_bytes() == kept, "the advice holds"


@pytest.mark.parametrize("command", [("status",), ("facts",), ("diagnose",)])
def test_without_being_asked_no_command_touches_a_reader(desk: Desk, tmp_path: Path, command: tuple[str, ...]) -> None:
    """Neither the daemon's socket nor the PC/SC library is opened, nor is any module of a card loaded."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.fail("not installed: strace (see requirements/debian.txt)")
    desk.readers("Lecteur")
    root = tmp_path / "root"
    (root / "System/Library/CoreServices").mkdir(parents=True)
    trace = tmp_path / "trace"
    tracer = (strace, "-f", "-qq", "-e", "trace=openat,connect,execve", "-o", str(trace))
    atsam_safe(tmp_path, "--json", "--root", str(root), *command, before=tracer)
    text = trace.read_text(errors="replace")
    assert "atsam_safe" in text
    for word in (os.environ["PCSCLITE_CSOCK_NAME"], "pcscd.comm", "libpcsclite", "smartcard", "pkcs11", "cards/readers", "probe_child"):
        assert word not in text, f"{command[0]} touched {word}"
