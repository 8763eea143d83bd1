"""What each answer of Windows Installer means, with a msiexec that answers what Wine never does."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.plan.model import InstallPayload, StartService, StopProcess, UninstallProduct
from atsam_safe.snapshot import powershell
from atsam_safe.volume.aside import ASIDE
from atsam_safe.words.model import PrivilegesError, UsageError, WorkstationError
from atsam_safe.words.translate import explain
from atsam_safe.workstation.select import require_real_folders, require_rights
from atsam_safe.workstation.windows import beyond, pending
from atsam_safe.workstation.windows.adapter import Patience, WindowsWorkstation
from atsam_safe.workstation.windows.msiexec import decode_log, meaning_of, reason_in_log
from atsam_safe.workstation.windows.native import RunningProgram, ServiceStatus
from atsam_safe.workstation.windows.observe import operating_system, system_folders
from atsam_safe.workstation.windows.products import read_products
from atsam_safe.workstation.windows.runner import clean_environment
from atsam_safe.workstation.windows.staging import package_name
from atsam_safe.workstation.windows.steps import apply_step, install_package
from lab.windows.fake import FakeRunner, FakeWindows

if TYPE_CHECKING:
    from atsam_safe.words.model import Language

LOGS = Path(__file__).resolve().parents[2] / "fixtures/windows"
CODE = "{82AB7DB2-140E-4166-A04E-1FD805EE0A74}"
QUICK = Patience(install=5, busy=0.05, pause=0.01, service=0.2, process=0.2)
STEP = UninstallProduct(component="galss", code=CODE, name="GALSS v3.45 x64", version="3.45.01")


class Bench:
    """A fake Windows with one product, its adapter, and a state folder."""

    def __init__(self, folder: Path) -> None:
        self.windows = FakeWindows()
        self.windows.details[CODE] = {"VersionString": "3.45.01", "InstalledProductName": "GALSS v3.45 x64"}
        self.staging = folder / "run" / "staging"
        self.staging.mkdir(parents=True)
        self.state = folder
        self.root = folder

    def workstation(self, runner: FakeRunner) -> WindowsWorkstation:
        return WindowsWorkstation(self.windows, runner, root=self.root, patience=QUICK)

    def gone(self, _argv: tuple[str, ...]) -> None:
        self.windows.details.pop(CODE, None)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_every_call_suppresses_restarts_and_is_logged(bench: Bench) -> None:
    runner = FakeRunner(effect=bench.gone)
    assert apply_step(bench.workstation(runner), STEP, bench.staging) == "done"
    (call,) = runner.calls
    assert call[0] == r"C:\Windows\System32\msiexec.exe"
    assert call[1:3] == ("/x", CODE)
    assert {"/qn", "/norestart", "REBOOT=ReallySuppress", "/l*v"} <= set(call)


@pytest.mark.parametrize("status", [1605, 1614])
def test_a_product_that_is_gone_already_is_no_failure(bench: Bench, status: int) -> None:
    assert apply_step(bench.workstation(FakeRunner(status)), STEP, bench.staging) == "not-applicable"


def test_another_installation_is_waited_for(bench: Bench) -> None:
    runner = FakeRunner(1618, 1618, 0, effect=bench.gone)
    assert apply_step(bench.workstation(runner), STEP, bench.staging) == "done"
    assert len(runner.calls) == 3


def test_after_all_patience_the_other_installation_is_named(bench: Bench) -> None:
    with pytest.raises(WorkstationError) as caught:
        apply_step(bench.workstation(FakeRunner(*[1618] * 500)), STEP, bench.staging)
    assert caught.value.problems[0].ref == "windows.installer-busy"


@pytest.mark.parametrize("status", [3010, 1641])
def test_a_restart_is_told_and_not_done(bench: Bench, status: int) -> None:
    workstation = bench.workstation(FakeRunner(status, effect=bench.gone))
    assert apply_step(workstation, STEP, bench.staging) == "done"
    assert workstation.restart_needed


def test_zero_is_no_proof(bench: Bench) -> None:
    with pytest.raises(WorkstationError) as caught:
        apply_step(bench.workstation(FakeRunner(0)), STEP, bench.staging)
    assert caught.value.problems[0].ref == "windows.product-still-there"


@pytest.mark.parametrize(
    ("status", "ref"),
    [
        (1603, "windows.installation-failed"),
        (1619, "windows.package-not-opened"),
        (2, "windows.package-not-opened"),
        (1620, "windows.package-not-valid"),
        (1627, "windows.package-not-valid"),
        (1625, "windows.forbidden-by-policy"),
        (1633, "windows.wrong-platform"),
        (1639, "windows.installer-refused-call"),
        (1601, "windows.installer-service"),
        (1602, "windows.installation-cancelled"),
        (1638, "windows.code-taken"),
        (None, "windows.installer-timed-out"),
        (4711, "windows.installation-failed"),
    ],
)
def test_each_failure_has_its_words_in_both_languages(bench: Bench, tmp_path: Path, status: int | None, ref: str) -> None:
    with pytest.raises(WorkstationError) as caught:
        install_package(bench.workstation(FakeRunner(status)), tmp_path / "x.msi", (CODE, "GALSS v3.45 x64", "3.45.01"), bench.state)
    problem = caught.value.problems[0]
    assert problem.ref == ref
    languages: tuple[Language, ...] = ("fr", "en")
    for language in languages:
        explained = explain(problem, language)
        assert "{" not in explained.what + explained.why + explained.next


def test_the_product_in_the_way_is_named(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(WorkstationError) as caught:
        install_package(bench.workstation(FakeRunner(1638)), tmp_path / "x.msi", (CODE, "mica", "4.01.00"), bench.state)
    assert "GALSS v3.45 x64 3.45.01" in explain(caught.value.problems[0], "fr").what


def test_another_version_than_the_package_promised_is_a_failure(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(WorkstationError) as caught:
        install_package(bench.workstation(FakeRunner(0)), tmp_path / "x.msi", (CODE, "GALSS", "3.46.00"), bench.state)
    assert caught.value.problems[0].ref == "windows.product-differs"


def test_only_the_program_at_that_very_path_is_ended(bench: Bench) -> None:
    ours = RunningProgram(pid=7, path=r"C:\Program Files\santesocial\galss\galsvw64.exe")
    namesake = RunningProgram(pid=8, path=r"C:\Other\galsvw64.exe")
    bench.windows.running = [ours, namesake]
    step = StopProcess(component="galss", path=r"c:\program files\Santesocial\galss\GALSVW64.exe")
    assert apply_step(bench.workstation(FakeRunner()), step, bench.staging) == "done"
    assert bench.windows.running == [namesake]
    bench.windows.running, bench.windows.immortal = [ours], {7}
    with pytest.raises(WorkstationError) as caught:
        apply_step(bench.workstation(FakeRunner()), step, bench.staging)
    assert caught.value.problems[0].ref == "windows.process-does-not-end"


@pytest.mark.parametrize(
    ("status", "obeys", "expected"),
    [
        (ServiceStatus(name="SCardSvr", start="automatic", running=True), True, "not-applicable"),
        (ServiceStatus(name="SCardSvr", start="automatic", running=False), True, "done"),
        (ServiceStatus(name="SCardSvr", start="automatic", running=False), False, "windows.service-does-not-start"),
        (ServiceStatus(name="SCardSvr", start="disabled", running=False), True, "windows.service-disabled"),
    ],
)
def test_a_service_is_started_and_asked_again(bench: Bench, status: ServiceStatus, *, obeys: bool, expected: str) -> None:
    bench.windows.services["SCardSvr"] = status
    bench.windows.obeys = obeys
    step = StartService(component="galss", label="SCardSvr", path=None, domain="service")
    try:
        answer = apply_step(bench.workstation(FakeRunner()), step, bench.staging)
    except WorkstationError as error:
        answer = error.problems[0].ref
    assert answer == expected


def test_a_step_of_another_system_is_refused(bench: Bench) -> None:
    step = InstallPayload(identifier="x", version="1", package=0, part=0, files=1, bytes=1)
    with pytest.raises(WorkstationError) as caught:
        apply_step(bench.workstation(FakeRunner()), step, bench.staging)
    assert caught.value.problems[0].ref == "windows.not-for-windows"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "MSI (s) -- x\nProduct: GALSS -- Une version plus récente est déjà installée.\nEnd",
            "Une version plus récente est déjà installée.",
        ),
        ("a\nError 1722. There is a problem\nb", "Error 1722. There is a problem"),
        ("a\nCustomAction Boom failed\nAction ended: Boom. Return value 3.", "CustomAction Boom failed"),
        (
            "a\nCustomAction Boom failed\nAction ended: Boom. Return value 3.\nProduct: X -- Installation failed.",
            "CustomAction Boom failed",
        ),
        ("Product: X -- Installation failed.", "Installation failed."),
        (
            "Produit : X -- L'installation a échoué car le lecteur manque.\nProduit : X -- Échec de l'installation.",
            "L'installation a échoué car le lecteur manque.",
        ),
        ("Product: X -- No reader.\nReturn value 3.\nError 1911. On the way back\nProduct: X -- Removal failed.", "No reader."),
        ("nothing of interest", ""),
        ("", ""),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1252"])
def test_the_log_says_why_in_whatever_encoding(text: str, told: str, encoding: str) -> None:
    assert reason_in_log(decode_log(text.encode(encoding))) == told


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ("custom-action-fails.en.log", "Error 1722. There is a problem with this Windows Installer package."),
        ("custom-action-fails.fr.log", "Erreur 1722. Il y a un problème avec ce package Windows Installer."),
        ("newer-version.en.log", "A newer version of GALSS is already installed."),
        ("newer-version.fr.log", "Une version plus récente de GALSS est déjà installée."),
    ],
)
def test_a_genuine_log_tells_the_reason_and_not_that_it_failed(bench: Bench, tmp_path: Path, log: str, told: str) -> None:
    """Each ends with « Installation failed. », which once was all a doctor was told."""

    def written(argv: tuple[str, ...]) -> None:
        shutil.copy(LOGS / log, argv[argv.index("/l*v") + 1])

    runner = FakeRunner(1603, effect=written)
    runner.fails = True
    with pytest.raises(WorkstationError) as caught:
        install_package(bench.workstation(runner), tmp_path / "x.msi", (CODE, "GALSS", "3.45.01"), bench.state)
    (problem,) = caught.value.problems
    assert problem.ref == "windows.installation-failed"
    assert problem.params["reason"].replace("\xa0", " ").startswith(told)


def test_an_unknown_exit_code_is_a_failure() -> None:
    assert {meaning_of(code) for code in (1, 5, 259, 1603, 0xC0000005, None)} == {"failed"}


def test_the_build_number_tells_windows_11_although_the_name_does_not() -> None:
    seen = operating_system(FakeWindows())
    assert (seen.name, seen.version, seen.build) == ("Windows 11 Pro", "10.0.22631.4037", "22631")


def test_products_are_read_by_code_and_from_both_views() -> None:
    windows = FakeWindows()
    windows.details[CODE] = {"InstalledProductName": "GALSS v3.45 x64", "VersionString": "3.45.01", "PackageName": "galss.msi"}
    place = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall"
    windows.keys[("HKLM", rf"{place}\{CODE}", "64")] = {"displayname": "GALSS v3.45 x64", "windowsinstaller": 1}
    windows.keys[("HKLM", rf"{place}\DiagAM_V3", "32")] = {"displayname": "DiagAM V3", "displayversion": "3.2.16"}
    windows.keys[("HKLM", rf"{place}\Empty", "64")] = {"displayicon": ""}
    diagam, galss = read_products(windows) or ()
    assert (galss.architecture, galss.windows_installer, galss.package_name) == ("x86_64", True, "galss.msi")
    assert (diagam.architecture, diagam.windows_installer, diagam.version) == ("i386", False, "3.2.16")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("C:\\x\\galss-3.45.msi", "galss-3.45.msi"),
        ("/a/b/Cryptolib CPS.MSI", "Cryptolib CPS.MSI"),
        ("/a/setup.exe/1.msi", "1.msi"),
        ("/a/b:c?.msi", "b_c_.msi"),
        ("/a/", "package.msi"),
    ],
)
def test_a_package_keeps_its_own_name(path: str, name: str) -> None:
    assert package_name(path) == name


def test_no_program_of_others_is_closed_for_a_file_in_use(bench: Bench) -> None:
    """A silent installation would let the Restart Manager close whatever has one of its files open, unsaved work included."""
    runner = FakeRunner(effect=bench.gone)
    apply_step(bench.workstation(runner), STEP, bench.staging)
    assert "MSIRESTARTMANAGERCONTROL=Disable" in runner.calls[0]
    assert b"MSIRESTARTMANAGERCONTROL=Disable" in powershell.SCRIPT


def test_after_a_call_that_took_too_long_its_service_is_waited_for(bench: Bench) -> None:
    bench.windows.busy_answers = [True, True, True, False, True]
    with pytest.raises(WorkstationError) as told:
        apply_step(bench.workstation(FakeRunner(None)), STEP, bench.staging)
    assert told.value.problems[0].ref == "windows.installer-timed-out"
    assert bench.windows.busy_answers == [True]


def test_a_service_that_windows_started_meanwhile_is_left_running(bench: Bench) -> None:
    bench.windows.services["SCardSvr"] = ServiceStatus(name="SCardSvr", start="automatic", running=True)
    workstation = bench.workstation(FakeRunner())
    beyond._bring_back_service(workstation, beyond.KeptService(name="SCardSvr", start="manual", running=False))
    assert bench.windows.services["SCardSvr"] == ServiceStatus(name="SCardSvr", start="manual", running=True)


def test_a_32_bit_program_on_a_64_bit_windows_says_so_and_goes_no_further(bench: Bench) -> None:
    require_real_folders(bench.windows)
    bench.windows.narrow = True
    with pytest.raises(UsageError) as told:
        require_real_folders(bench.windows)
    assert "64 bits" in explain(told.value.problems[0], "fr").what


def test_the_folders_come_from_the_registry_never_from_a_variable_anybody_can_set(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = FakeWindows()
    for name in ("PROGRAMDATA", "SYSTEMROOT", "ALLUSERSPROFILE"):
        monkeypatch.setenv(name, r"D:\evil")
    assert system_folders(windows)["SANTESOCIAL"] == r"C:\ProgramData\santesocial"
    key = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Explorer\Shell Folders"
    windows.keys["HKLM", key, "64"] = {"common appdata": r"E:\Data"}
    assert system_folders(windows)["ProgramData"] == r"E:\Data"
    environment = clean_environment(r"C:\Windows")
    assert {environment["windir"], environment["SystemRoot"]} == {r"C:\Windows"}
    assert environment["SystemDrive"] == "C:"


STATE_BEFORE = pending.Before(
    drive="C:", states={"/windows/galss.ini": "file", "/windows/new.dll": "absent"}, trees=("/program files/santesocial/galss",)
)


@pytest.mark.parametrize(
    ("pair", "left"),
    [
        pytest.param((r"\??\C:\Windows\GALSS.ini", ""), None, id="would remove the right file"),
        pytest.param((r"\??\C:\Windows\galss.ini", r"!\??\C:\Config.Msi\1.rbf"), None, id="would move it away"),
        pytest.param((r"*1\??\C:\Windows\m.tmp", r"!\??\C:\WINDOWS\galss.ini"), (r"*1\??\C:\Windows\m.tmp", ""), id="would replace it"),
        pytest.param(
            (r"\??\C:\Windows\m.tmp", r"\??\C:\Windows\new.dll"), (r"\??\C:\Windows\m.tmp", ""), id="would bring what was not there"
        ),
        pytest.param((r"\??\C:\Windows\new.dll", ""), (r"\??\C:\Windows\new.dll", ""), id="removes what was not there"),
        pytest.param(
            (r"\??\C:\Config.Msi\1.tmp", r"\??\C:\Program Files\Santesocial\galss\x.dll"),
            (r"\??\C:\Config.Msi\1.tmp", ""),
            id="would bring another file into a folder of ours",
        ),
        pytest.param((r"\??\C:\Chrome\old.exe", ""), (r"\??\C:\Chrome\old.exe", ""), id="of somebody else"),
        pytest.param(
            (r"\??\D:\a.tmp", r"!\??\D:\Windows\galss.ini"),
            (r"\??\D:\a.tmp", r"!\??\D:\Windows\galss.ini"),
            id="of somebody else, on another disk",
        ),
    ],
)
def test_what_a_restart_would_do_to_the_state_before_is_withdrawn(pair: tuple[str, str], left: tuple[str, str] | None) -> None:
    assert pending.withdrawn([pair], (), STATE_BEFORE) == (() if left is None else (left,))
    assert pending.withdrawn([pair], (pair,), STATE_BEFORE) == (pair,), "it waited already when the state was kept"


def test_a_list_windows_does_not_let_go_of_is_told(bench: Bench) -> None:
    folder = bench.state / "snapshots/1/system"
    folder.mkdir(parents=True)
    kept = '{"paths": [{"path": "/Windows/galss.ini", "kind": "file", "more": 1}], "scope": [{"path": "C:\\\\Ours", "kind": "tree"}]}'
    (folder.parent / "manifest.json").write_text(kept)
    stranger, ours = (r"\??\C:\Chrome\old.exe", ""), (r"\??\C:\Windows\galss.ini", "")
    bench.windows.set_pending_renames((*stranger, *ours))
    pending.keep_from_undoing(bench.windows, folder, (stranger, ours), "C:")
    assert pending.waiting(bench.windows) == (stranger, ours)
    bench.windows.obeys = False
    with pytest.raises(WorkstationError) as told:
        pending.keep_from_undoing(bench.windows, folder, (stranger,), "C:")
    assert told.value.problems[0].ref == "windows.restart-would-undo"
    bench.windows.obeys = True
    pending.keep_from_undoing(bench.windows, folder, (stranger,), "C:")
    assert pending.waiting(bench.windows) == (stranger,)
    bench.windows.set_pending_renames((*stranger, "x.tmp", r"!\??\C:\OURS\new.dll"))
    pending.keep_from_undoing(bench.windows, folder, (stranger,), "C:")
    assert pending.waiting(bench.windows) == (stranger, ("x.tmp", ""))
    bench.windows.set_pending_renames(("a",))
    assert pending.waiting(bench.windows) == (), "a list that is not one of pairs is left alone"


def test_a_product_that_windows_refuses_on_the_way_back_keeps_none_of_the_others_away(bench: Bench) -> None:
    folder = bench.state / "snapshots/1/system"
    folder.mkdir(parents=True)
    stranger, first, second = CODE, "{AAAAAAAA-0000-0000-0000-000000000001}", "{AAAAAAAA-0000-0000-0000-000000000002}"
    content = b"a package"
    products = tuple(
        beyond.KeptProduct(
            code=code,
            name=f"Product {code[-2]}",
            version="1.0",
            component="galss",
            package=f"{code[-2]}.msi",
            original=f"{code[-2]}.msi",
            sha256=hashlib.sha256(content).hexdigest(),
        )
        for code in (first, second)
    )
    for product in products:
        (folder / str(product.package)).write_bytes(content)
    kept = beyond.Kept(products=products, keys=(), services=(), programs=(), strangers=(stranger,))
    (folder / beyond.KEPT).write_bytes(msgspec.json.encode(kept))

    def installed(_argv: tuple[str, ...]) -> None:
        bench.windows.details[second] = {"VersionString": "1.0", "InstalledProductName": "Product 2"}

    runner = FakeRunner(1603, 1603, 0, effect=installed)
    with pytest.raises(WorkstationError) as told:
        beyond.prepare_back(bench.workstation(runner), folder)
    assert [call[1] for call in runner.calls] == ["/x", "/i", "/i"]
    assert [problem.params["product"] for problem in told.value.problems] == ["GALSS v3.45 x64", "Product 1"]
    assert bench.windows.product(second, "VersionString") == "1.0"


def test_a_snapshot_whose_manifest_cannot_be_read_does_not_let_a_restart_pass_unseen(bench: Bench) -> None:
    folder = bench.state / "snapshots/1/system"
    folder.mkdir(parents=True)
    bench.windows.set_pending_renames((r"\??\C:\Windows\galss.ini", ""))
    with pytest.raises(WorkstationError) as told:
        pending.keep_from_undoing(bench.windows, folder, (), "C:")
    assert told.value.problems[0].ref == "snapshot.system-state-damaged"
    pending.keep_from_undoing(bench.windows, folder, pending.waiting(bench.windows), "C:")


def test_what_was_put_aside_on_the_way_back_is_told_and_asks_for_a_restart(bench: Bench) -> None:
    folder = bench.state / "snapshots/1/system"
    folder.mkdir(parents=True)
    kept = beyond.Kept(products=(), keys=(), services=(), programs=())
    (folder / beyond.KEPT).write_bytes(msgspec.json.encode(kept))
    bench.windows.details.clear()
    workstation = bench.workstation(FakeRunner())
    beyond.prepare_back(workstation, folder)
    assert str(ASIDE.folder) == str(bench.state / "aside")
    ASIDE.taken += [r"C:\Windows\cptabw64.dll"] * 2
    beyond.bring_back(workstation, folder)
    assert [(note.ref, note.params["path"]) for note in workstation.notes] == [("windows.file-was-loaded", r"C:\Windows\cptabw64.dll")]
    assert workstation.restart_needed
    assert (str(ASIDE.folder), ASIDE.end()) == ("None", ())


def test_a_change_without_rights_is_told_in_words_of_windows(bench: Bench) -> None:
    bench.windows.admin = False
    with pytest.raises(PrivilegesError) as caught:
        require_rights(bench.workstation(FakeRunner()))
    (problem,) = caught.value.problems
    assert problem.ref == "privileges.missing"
    told = explain(problem, "fr").next
    assert "sudo" not in told
    assert "Exécuter en tant qu’administrateur" in told


SERVER = r"C:\Program Files (x86)\santesocial\srvsvcnam\SRVSVCNAM.exe"


@pytest.mark.parametrize(
    ("running", "told"), [([], ["SRVSVCNAM.exe"]), ([SERVER.upper()], []), ([r"C:\x\SRVSVCNAM.exe"], ["SRVSVCNAM.exe"])]
)
def test_a_program_that_ran_before_and_does_not_run_after_the_way_back_is_told(bench: Bench, running: list[str], told: list[str]) -> None:
    bench.windows.details.clear()
    bench.windows.running = [RunningProgram(pid=7, path=SERVER), RunningProgram(pid=8, path=r"C:\Windows\explorer.exe")]
    workstation = bench.workstation(FakeRunner())
    folder = bench.state / "snapshots/1/system"
    folder.mkdir(parents=True)
    workstation.observe(load_catalogue(None))
    workstation.capture(folder, ())
    assert beyond.read_kept(folder).running == (SERVER,)
    bench.windows.running = [RunningProgram(pid=9, path=path) for path in running]
    beyond.bring_back(workstation, folder)
    assert [(note.ref, note.params["program"]) for note in workstation.notes] == [("windows.program-not-running", one) for one in told]
    assert workstation.restart_needed is bool(told)
