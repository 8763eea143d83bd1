"""Plans and refusals for Windows workstations: by product codes, as a unit, with what others need kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.catalogue.windows_paths import key
from atsam_safe.facts.model import ConfigFact, Facts, InstalledProduct, OperatingSystem, PathFact, ProcessFact, SystemState
from atsam_safe.guard import RunState, check, check_uninstall
from atsam_safe.packages.model import ComponentPackage, Inspection, InstallerFact, PayloadSummary, SignatureFact
from atsam_safe.plan import plan_install, plan_uninstall
from atsam_safe.plan.model import InstallProduct, RestoreConfig, StartService, StopProcess, UninstallProduct
from atsam_safe.verify import assess, verify
from atsam_safe.verify.aftermath import kept_findings

if TYPE_CHECKING:
    from atsam_safe.facts.model import Architecture

GALSS = InstalledProduct(code="{82AB7DB2-140E-4166-A04E-1FD805EE0A74}", name="GALSS v3.45 x64", version="3.45.01", architecture="x86_64")
NARROW_GALSS = InstalledProduct(code="{0C9F7B52-0000-0000-0000-000000000032}", name="GALSS v3.45", version="3.45.01", architecture="i386")
CRYPTOLIB = InstalledProduct(
    code="{D8609B2B-CE98-43A8-B2D2-77811A6ECAE1}",
    name="Composants Cryptographiques CPS v5.2.2 (x64)",
    version="5.2.2",
    architecture="x86_64",
)
SRVSVCNAM = InstalledProduct(
    code="{36D412C8-AB7D-4818-9A4D-3ADF339D5BDE}", name="Composant SrvSvCnam 5.08.04", version="5.08.04", architecture="i386"
)
DMP_CONNECT = InstalledProduct(code="DMPConnect", name="DMP Connect JS2", version="1.11.14", windows_installer=False)
MICA_WIDE = InstalledProduct(code="{E01E10C5-2079-4835-0000-000000000000}", name="mica x64", version="4.01.00", architecture="x86_64")
CATALOGUE = load_catalogue(None)
FOLDERS = {
    "WINDIR": r"C:\Windows",
    "ProgramFiles": r"C:\Program Files",
    "ProgramFiles(x86)": r"C:\Program Files (x86)",
    "ProgramData": r"C:\ProgramData",
    "SANTESOCIAL": r"C:\ProgramData\santesocial",
}


def facts(*products: InstalledProduct, processes: tuple[str, ...] = (), paths: tuple[PathFact, ...] = ()) -> Facts:
    return Facts(
        adapter="windows",
        os=OperatingSystem(family="windows", name="Windows 11 Pro", version="10.0.26100.1", build="26100", hardware="x86_64"),
        products=products,
        processes=tuple(ProcessFact(path=path, pid=number) for number, path in enumerate(processes)),
        paths=paths,
        system=SystemState(elevated=True),
        folders=FOLDERS,
    )


def package(product: InstalledProduct, component: str | None, *, organisation: str = "GIE SESAM-Vitale") -> Inspection:
    version = product.version or ""
    return Inspection(
        path=f"/packages/{product.name}.msi",
        sha256="0" * 64,
        size=1000,
        format="windows-installer",
        components=(
            ComponentPackage(
                identifier=product.code,
                version=version,
                component=component,
                known_release=True,
                payload=PayloadSummary(files=1, bytes=10, compression="cabinet"),
            ),
        ),
        signature=SignatureFact(verdict="authenticode", signer=organisation, team_id=organisation),
        installer=InstallerFact(product_code=product.code, name=product.name, version=version, architecture=product.architecture),
    )


NEW = (
    package(GALSS, "galss"),
    package(
        InstalledProduct(
            code="{CF3BEBDD-16A0-4AE8-8764-ADDF9A104998}",
            name="Composants Cryptographiques CPS v5.2.6 (x64)",
            version="5.2.6",
            architecture="x86_64",
        ),
        "cryptolib",
        organisation="AGENCE DU NUMERIQUE EN SANTE",
    ),
    package(
        InstalledProduct(code="{306912F2-76F5-4BA3-9260-E9F581C886DD}", name="Composant SrvSvCnam", version="5.10.04", architecture="i386"),
        "srvsvcnam",
        organisation="CNAM",
    ),
)


def test_products_go_and_come_as_a_unit_in_opposite_orders() -> None:
    before = facts(GALSS, CRYPTOLIB, SRVSVCNAM)
    decision = check(before, CATALOGUE, NEW, run=RunState())
    assert decision.accepted, [rule.ref for rule in decision.reasons]
    plan = plan_install(before, CATALOGUE, NEW, decision)
    gone = [step.component for step in plan.steps if isinstance(step, UninstallProduct)]
    come = [step.component for step in plan.steps if isinstance(step, InstallProduct)]
    assert gone == ["srvsvcnam", "cryptolib", "galss"]
    assert come == ["galss", "cryptolib", "srvsvcnam"]
    assert [step.label for step in plan.steps if isinstance(step, StartService)] == ["SCardSvr"]
    assert plan.target.versions == {"cryptolib": "5.2.6", "galss": "3.45.01", "srvsvcnam": "5.10.04"}


def test_several_products_of_a_component_go_from_the_newest_down() -> None:
    """Whatever is left when a run is cut off can be put back from below: an older one is refused over a newer one."""
    codes = {"5.1.7": "{297EFD05-38C7-479C-BC34-BC269DCDE018}", "5.0.42": "{370D799B-992B-49E0-8325-F2E10110A861}"}
    others = [msgspec.structs.replace(CRYPTOLIB, code=code, version=version) for version, code in codes.items()]
    plan = plan_uninstall(facts(*others, CRYPTOLIB), CATALOGUE)
    assert [step.version for step in plan.steps if isinstance(step, UninstallProduct)] == ["5.2.2", "5.1.7", "5.0.42"]


def test_the_scope_holds_configuration_and_no_system_folder() -> None:
    plan = plan_uninstall(facts(GALSS, CRYPTOLIB, SRVSVCNAM), CATALOGUE)
    scope = {key(entry.path): entry.kind for entry in plan.scope}
    assert scope[key(r"C:\Windows\galss.ini")] == "file"
    assert scope[key(r"C:\Program Files\santesocial\galss")] == "tree"
    assert not {key(place) for place in (*FOLDERS.values(), "C:", r"C:\Windows\System32")} & scope.keys()
    assert not any("cps\\log" in place or "\\fsv" in place for place in scope)
    assert scope[key(r"C:\ProgramData\santesocial\cps\cache")] == "tree"  # a way back brings the cards' cache of before


def test_the_wide_galss_stays_while_dmp_connect_needs_it() -> None:
    plan = plan_uninstall(facts(GALSS, CRYPTOLIB, DMP_CONNECT), CATALOGUE)
    assert [step.code for step in plan.steps if isinstance(step, UninstallProduct)] == [CRYPTOLIB.code]
    assert [(kept.path, kept.reason, kept.owner) for kept in plan.kept] == [("GALSS v3.45 x64 3.45.01", "used", "DMP Connect JS2")]
    assert plan.target.versions == {"galss": "3.45.01"}
    alone = plan_uninstall(facts(GALSS, CRYPTOLIB), CATALOGUE)
    assert len([step for step in alone.steps if isinstance(step, UninstallProduct)]) == 2


def test_no_other_uninstaller_is_ever_planned() -> None:
    old = InstalledProduct(code="{78B84B59-7F21-427E-BAFC-F01CE1B25502}", name="CPS", version="1.0", windows_installer=False)
    before = facts(GALSS, old)
    assert not any(isinstance(step, UninstallProduct) and step.name == "CPS" for step in plan_uninstall(before, CATALOGUE).steps)
    refused = check_uninstall(before, CATALOGUE, run=RunState())
    assert "windows.other-uninstaller" in {rule.ref for rule in refused.reasons}


def test_a_process_is_stopped_by_its_full_path_alone() -> None:
    ours, other = r"C:\PROGRAM FILES\santesocial\galss\galsvw64.exe", r"C:\Vendor\galsvw64.exe"
    plan = plan_uninstall(facts(GALSS, processes=(other, ours)), CATALOGUE)
    assert [step.path for step in plan.steps if isinstance(step, StopProcess)] == [ours]


def test_the_code_mica_shares_in_both_widths_is_explained() -> None:
    narrow = InstalledProduct(code=MICA_WIDE.code, name="mica", version="4.01.00", architecture="i386")
    decision = check(facts(GALSS, MICA_WIDE), CATALOGUE, [package(narrow, "mica")], run=RunState())
    rule = next(rule for rule in decision.rules if rule.ref == "windows.code-shared")
    assert (rule.outcome, rule.params["blocking"]) == ("fail", "mica x64 4.01.00")
    same = check(facts(GALSS, MICA_WIDE), CATALOGUE, [package(MICA_WIDE, "mica")], run=RunState())
    assert next(rule for rule in same.rules if rule.ref == "windows.code-shared").outcome == "pass"


@pytest.mark.parametrize(("organisation", "outcome"), [("Agence du Numérique en Santé", "pass"), ("Somebody Else", "fail")])
def test_the_publisher_of_a_windows_package_is_pinned(organisation: str, outcome: str) -> None:
    packages = [NEW[0], package(CRYPTOLIB, "cryptolib", organisation=organisation)]
    decision = check(facts(), CATALOGUE, packages, run=RunState())
    assert next(rule for rule in decision.rules if rule.ref == "package.wrong-signer").outcome == outcome


@pytest.mark.parametrize(
    ("organisation", "outcome"),
    [
        ("GIE SESAM-VITALE", "pass"),  # expected of SrvSVCNAM as of GALSS, and as little seen
        ("CNAM", "pass"),
        ("AGENCE DU NUMERIQUE EN SANTE", "fail"),
        ("SESAM-Vitale", "fail"),
    ],
)
def test_whoever_is_expected_to_sign_srvsvcnam_may(organisation: str, outcome: str) -> None:
    offered = [*NEW[:2], msgspec.structs.replace(NEW[2], signature=SignatureFact(verdict="authenticode", team_id=organisation))]
    decision = check(facts(), CATALOGUE, offered, run=RunState())
    assert next(rule for rule in decision.rules if rule.ref == "package.wrong-signer").outcome == outcome


def test_a_registered_product_without_its_program_is_not_whole() -> None:
    windir = PathFact(path=r"C:\Windows", kind="directory", mode=0o700, uid=0, gid=0)
    program = PathFact(path=r"C:\Program Files\santesocial\galss\GALSVW64.EXE", kind="file", mode=0o600, uid=0, gid=0, size=90_000)
    whole = assess(facts(GALSS, paths=(windir, program)), CATALOGUE)
    broken = assess(facts(GALSS, paths=(windir,)), CATALOGUE)
    assert [state.state for state in whole.components if state.component == "galss"] == ["ok"]
    (galss,) = [state for state in broken.components if state.component == "galss"]
    assert (galss.state, galss.missing) == ("partial", (r"C:\Program Files\santesocial\galss\galsvw64.exe",))
    empty = assess(facts(GALSS, paths=(windir, msgspec.structs.replace(program, size=0))), CATALOGUE)
    assert [state.missing for state in empty.components if state.component == "galss"] == [galss.missing]


def test_databases_and_remote_control_are_told_and_never_a_target() -> None:
    database = InstalledProduct(code="{AAAAAAAA-0000-0000-0000-000000000001}", name="PostgreSQL 15", version="15.4")
    remote = InstalledProduct(code="{AAAAAAAA-0000-0000-0000-000000000002}", name="Splashtop Streamer", version="3.6")
    before = facts(GALSS, CRYPTOLIB, database, remote)
    decision = check_uninstall(before, CATALOGUE, run=RunState())
    told = next(rule for rule in decision.rules if rule.ref == "windows.protected-software")
    assert (told.outcome, told.notice) == ("pass", True)
    assert told.params["software"] == "Splashtop, PostgreSQL"
    codes = {step.code for step in plan_uninstall(before, CATALOGUE).steps if isinstance(step, UninstallProduct)}
    assert codes == {GALSS.code, CRYPTOLIB.code}


UNTOLD = msgspec.structs.replace(NARROW_GALSS, architecture=None)
WIDE_SERVER, NARROW_SERVER = r"C:\Program Files\santesocial\galss\galsvw64.exe", r"C:\Windows\galsvw32.exe"


@pytest.mark.parametrize(
    ("offered", "narrow", "hardware", "gone", "stopped"),
    [
        pytest.param(GALSS, NARROW_GALSS, "x86_64", [GALSS], [WIDE_SERVER], id="64 bits offered: billing software keeps its own"),
        pytest.param(
            NARROW_GALSS, NARROW_GALSS, "x86_64", [NARROW_GALSS], [NARROW_SERVER], id="32 bits offered: DMP Connect keeps its own"
        ),
        pytest.param(GALSS, UNTOLD, "x86_64", [GALSS], [WIDE_SERVER], id="no uninstall entry: its name tells"),
        pytest.param(NARROW_GALSS, GALSS, "i386", [GALSS], [WIDE_SERVER, NARROW_SERVER], id="a 32-bit Windows has one width"),
    ],
)
def test_a_galss_of_the_other_width_belongs_to_other_software_and_stays(
    offered: InstalledProduct, narrow: InstalledProduct, hardware: Architecture, gone: list[InstalledProduct], stopped: list[str]
) -> None:
    before = facts(*dict.fromkeys((GALSS, narrow)), CRYPTOLIB, SRVSVCNAM, processes=(WIDE_SERVER, NARROW_SERVER))
    before = msgspec.structs.replace(before, os=msgspec.structs.replace(before.os, hardware=hardware))
    packages = (package(offered, "galss"), *NEW[1:])
    decision = check(before, CATALOGUE, packages, run=RunState())
    plan = plan_install(before, CATALOGUE, packages, decision)
    taken = [step.code for step in plan.steps if isinstance(step, UninstallProduct) and step.component == "galss"]
    assert taken == [product.code for product in gone]
    left = [product for product in (before.products or ())[:-2] if product.code not in taken]
    assert [(kept.path, kept.reason) for kept in plan.kept] == [(f"{product.name} {product.version}", "used") for product in left]
    assert [step.path for step in plan.steps if isinstance(step, StopProcess)] == stopped
    after = facts(*before.products or ())
    assert kept_findings(before, after, plan) == []
    for product in left:
        other = msgspec.structs.replace(product, version="3.45.02")
        for lost in (facts(GALSS if product is not GALSS else NARROW_GALSS), facts(other)):
            (finding,) = kept_findings(before, lost, plan)
            assert (finding.ref, finding.severity) == ("verify.kept-path-lost", "blocking")
            assert finding.params["path"] == f"{product.name} {product.version}"


def test_the_same_product_code_is_one_product_whatever_its_width() -> None:
    """Windows Installer takes a package whose code is there already for the product itself and installs nothing."""
    twin = msgspec.structs.replace(GALSS, architecture="i386")
    packages = (package(GALSS, "galss"), *NEW[1:])
    before = facts(twin, CRYPTOLIB, SRVSVCNAM)
    plan = plan_install(before, CATALOGUE, packages, check(before, CATALOGUE, packages, run=RunState()))
    assert GALSS.code in [step.code for step in plan.steps if isinstance(step, UninstallProduct)]


INI = ConfigFact(path=r"C:\Windows\galss.ini", sha256="ab" * 32, size=300, line_ends="crlf", encoding="cp1252")
UNREAD = ConfigFact(path=r"C:\Windows\galss.ini", sha256="", size=0, line_ends="none", encoding="ascii", problem="volume.too-large")


def test_the_configuration_is_put_back_after_every_package_and_before_any_start() -> None:
    """GALSS takes its galss.ini along when it goes, and its set-up writes another (incidents 021, 033, 051)."""
    before = msgspec.structs.replace(facts(GALSS, CRYPTOLIB, SRVSVCNAM), configs=(INI,))
    plan = plan_install(before, CATALOGUE, NEW, check(before, CATALOGUE, NEW, run=RunState()))
    kinds = [type(step) for step in plan.steps]
    assert [step for step in plan.steps if isinstance(step, RestoreConfig)] == [RestoreConfig(path=INI.path, sha256=INI.sha256)]
    assert kinds[-3:] == [InstallProduct, RestoreConfig, StartService]
    assert plan.preserved == (INI.path,)
    gone = plan_uninstall(before, CATALOGUE)
    assert isinstance(gone.steps[-1], RestoreConfig)
    assert key(INI.path) in {key(entry.path) for entry in gone.scope}


def test_what_was_not_there_or_not_read_is_not_put_back() -> None:
    elsewhere = msgspec.structs.replace(INI, path=r"C:\galss.ini")
    for configs in ((), (UNREAD,), (elsewhere,)):
        before = msgspec.structs.replace(facts(GALSS), configs=configs)
        assert not any(isinstance(step, RestoreConfig) for step in plan_uninstall(before, CATALOGUE).steps)


NAMESAKE = msgspec.structs.replace(NARROW_GALSS, name=GALSS.name)
OLD_NARROW = msgspec.structs.replace(NARROW_GALSS, name="GALSS v3.43", version="3.43.04")


@pytest.mark.parametrize(
    ("offered", "kept", "there", "refs"),
    [
        pytest.param(GALSS, OLD_NARROW, [GALSS, OLD_NARROW], [], id="newer beside older"),
        pytest.param(OLD_NARROW, GALSS, [GALSS, OLD_NARROW], [], id="older beside newer"),
        pytest.param(GALSS, NAMESAKE, [GALSS, NAMESAKE], [], id="both bear one name and version"),
        pytest.param(GALSS, NARROW_GALSS, [NARROW_GALSS], ["verify.component-missing"], id="only the one that was kept, in that version"),
        pytest.param(OLD_NARROW, GALSS, [GALSS], ["verify.component-missing"], id="only the one that was kept"),
        pytest.param(GALSS, OLD_NARROW, [GALSS], ["verify.kept-path-lost"], id="only the one that was offered"),
    ],
)
def test_what_was_installed_is_judged_without_the_galss_that_was_kept_beside_it(
    offered: InstalledProduct, kept: InstalledProduct, there: list[InstalledProduct], refs: list[str]
) -> None:
    before = facts(GALSS, kept if kept is not GALSS else offered, CRYPTOLIB, SRVSVCNAM)
    packages = (package(offered, "galss"), *NEW[1:])
    plan = plan_install(before, CATALOGUE, packages, check(before, CATALOGUE, packages, run=RunState()))
    installers = [one.installer for one in NEW[1:] if one.installer is not None]
    new = [InstalledProduct(code=one.product_code, name=one.name, version=one.version, architecture=one.architecture) for one in installers]
    found = verify(before, facts(*there, *new), CATALOGUE, plan)
    assert [finding.ref for finding in found.findings if finding.severity == "blocking"] == refs
