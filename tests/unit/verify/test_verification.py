"""The end of a run, judged: a real install and uninstall on a real volume, and every sabotage that must be noticed."""

from __future__ import annotations

import datetime as dt
import shutil
from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.guard import RunState, check
from atsam_safe.packages import open_packages
from atsam_safe.plan import plan_install, plan_uninstall
from atsam_safe.plan.model import ApplyEffect, RemovePath
from atsam_safe.verify import verify, verify_against
from atsam_safe.words.model import UsageError
from atsam_safe.workstation.offline import OfflineWorkstation
from lab.atsam import ATSAM_VERSIONS, build_atsam, build_component
from lab.authority import Authority
from lab.catalogue import write_test_manifests
from lab.items import file
from lab.workstation import ADM, FSV_MARKER, add_receipt, lay_out_mojave

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.facts.model import Facts
    from atsam_safe.plan.model import Plan
    from atsam_safe.verify.model import Verification

NOW = dt.datetime(2020, 4, 28, tzinfo=dt.UTC)
replace = msgspec.structs.replace


def story(folder: Path) -> Path:
    """The story's workstation, with one more product that lists an inventory file of ours in its own receipt."""
    root = lay_out_mojave(folder)
    add_receipt(root, "org.exemple.partage", "1.0", [file(f"{ADM}/157.adm", (root / ADM / "157.adm").read_bytes())])
    return root


class Bench:
    """A catalogue, a package and a way to run a plan without any transaction."""

    def __init__(self, folder: Path) -> None:
        authority = Authority.create()
        self.folder = folder
        self.catalogue: Catalogue = load_catalogue(write_test_manifests(folder / "manifests", authority.trust()))
        self.package = folder / "package.pkg"
        self.package.write_bytes(build_atsam("4.41", authority.signer()))
        self.update = folder / "update.pkg"
        self.update.write_bytes(build_component("srvsvcnam", "3.42.02", authority.signer(), as_product=True))

    def observe(self, root: Path) -> Facts:
        return OfflineWorkstation(root).observe(self.catalogue, ownership=True)

    def install(self, root: Path, package: Path | None = None) -> tuple[Facts, Plan]:
        staging = root.parent / f"{root.name}-staging"
        staging.mkdir()
        station = OfflineWorkstation(root)
        before = self.observe(root)
        with open_packages(package or self.package, self.catalogue.trust, self.catalogue, NOW) as opened:
            decision = check(before, self.catalogue, opened.inspections, run=RunState())
            assert decision.accepted, [rule.ref for rule in decision.reasons]
            plan = plan_install(before, self.catalogue, opened.inspections, decision)
            station.stage(plan, opened, staging, lambda *_: None)
            for step in plan.steps:
                station.apply(step, staging)
        return before, plan

    def uninstall(self, root: Path) -> tuple[Facts, Plan]:
        station = OfflineWorkstation(root)
        before = self.observe(root)
        plan = plan_uninstall(before, self.catalogue)
        for step in plan.steps:
            station.apply(step, root)
        return before, plan


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def installed(bench: Bench) -> tuple[Path, Facts, Plan]:
    root = story(bench.folder / "installed")
    before, plan = bench.install(root)
    return root, before, plan


def blocking(verification: Verification) -> set[str]:
    return {finding.ref for finding in verification.findings if finding.severity == "blocking"}


def test_a_sound_install_verifies(bench: Bench, installed: tuple[Path, Facts, Plan]) -> None:
    root, before, plan = installed
    result = verify(before, bench.observe(root), bench.catalogue, plan)
    assert blocking(result) == set()
    assert result.ok
    assert result.assessment.fit
    assert "card.not-checkable-offline" in {finding.ref for finding in result.findings}
    assert plan.preserved == ("/Library/Preferences/galss.ini", "/Library/Preferences/io_comm.ini")


def without_receipt(root: Path, pattern: str) -> None:
    for path in (root / "private/var/db/receipts").glob(pattern):
        path.unlink()


def without_srvsvcnam(root: Path) -> None:
    without_receipt(root, "org.cnamts.*")
    for folder in ("Applications/SrvSVcnam_Lanceur.app", "Applications/SrvSVcnam_Moniteur.app"):
        shutil.rmtree(root / folder)
    shutil.rmtree(root / "Library/PreferencePanes/Composant SrvSVCNAM.prefPane")
    shutil.rmtree(root / "Library/Application Support/santesocial/SrvSVcnam")
    (root / "Library/LaunchAgents/org.cnamts.srvsvcnam.launchd.plist").unlink()


def reversed_server(root: Path) -> None:
    server = root / "Library/Application Support/Galss/galsvosx"
    server.write_bytes(bytes(reversed(server.read_bytes())))


def test_the_doctors_own_good_update_verifies(bench: Bench, tmp_path: Path) -> None:
    root = story(tmp_path / "volume")
    before, plan = bench.install(root, bench.update)
    result = verify(before, bench.observe(root), bench.catalogue, plan)
    assert blocking(result) == set()
    assert result.assessment.fit
    assert result.assessment.installed == {**ATSAM_VERSIONS["4.41"], "srvsvcnam": "3.42.02"}


SABOTAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a program removed": (lambda root: (root / "Library/Application Support/Galss/galsvosx").unlink(), "verify.not-whole"),
    "a program changed, same size": (reversed_server, "verify.content-differs"),
    "rights changed": (lambda root: (root / "usr/local/lib/libcps3_pkcs11_osx.dylib").chmod(0o600), "verify.mode-differs"),
    "configuration changed": (
        lambda root: (root / "Library/Preferences/galss.ini").write_bytes(b"[CONFIG]\n"),
        "verify.configuration-changed",
    ),
    "configuration lost": (lambda root: (root / "Library/Preferences/io_comm.ini").unlink(), "verify.configuration-lost"),
    "half a receipt lost": (lambda root: without_receipt(root, "fr.asipsante.pkg.cryptolibCPS.plist"), "verify.not-whole"),
    "a whole receipt lost": (lambda root: without_receipt(root, "fr.asipsante.pkg.cryptolibCPS.*"), "verify.receipt-missing"),
    "a neighbour's receipt lost": (lambda root: without_receipt(root, "org.icanopee.*"), "verify.foreign-receipt-changed"),
    "a neighbour removed": (lambda root: shutil.rmtree(root / "Applications/DmpConnectJS2.app"), "verify.dependent-harmed"),
    "the shared inventory removed": (lambda root: (root / ADM / "157.adm").unlink(), "verify.kept-path-lost"),
    "a leftover of an old release": (
        lambda root: (root / "usr/local/lib/libcps_pkcs11_osx.dylib").write_bytes(b"old"),
        "verify.leftovers",
    ),
    "a component gone": (without_srvsvcnam, "verify.component-missing"),
}


@pytest.mark.parametrize("name", SABOTAGES)
def test_each_sabotage_is_noticed(name: str, bench: Bench, installed: tuple[Path, Facts, Plan], tmp_path: Path) -> None:
    root, before, plan = installed
    copy = tmp_path / "volume"
    shutil.copytree(root, copy, symlinks=True)
    harm, ref = SABOTAGES[name]
    harm(copy)
    result = verify(before, bench.observe(copy), bench.catalogue, plan)
    assert not result.ok
    assert ref in blocking(result)


def test_an_uninstall_leaves_nothing_of_ours_and_everything_else(bench: Bench, tmp_path: Path) -> None:
    root = story(tmp_path / "volume")
    ini = (root / "Library/Preferences/galss.ini").read_bytes()
    before, plan = bench.uninstall(root)
    result = verify(before, bench.observe(root), bench.catalogue, plan)
    assert blocking(result) == set()
    assert {state.state for state in result.assessment.components if state.core} == {"absent"}
    assert [path for path in plan.residue_rules if (root / path.lstrip("/")).exists()] == []
    assert (root / "Library/Preferences/galss.ini").read_bytes() == ini
    assert (root / FSV_MARKER).exists()
    assert (root / "Library/Application Support/santesocial/commun/adm/157.adm").exists()
    assert (root / "Applications/DmpConnectJS2.app").exists()
    assert (root / "Library/Frameworks").is_dir()


def test_an_uninstall_that_left_something_is_not_ok(bench: Bench, tmp_path: Path) -> None:
    root = story(tmp_path / "volume")
    before = bench.observe(root)
    plan = plan_uninstall(before, bench.catalogue)
    lazy = replace(plan, steps=tuple(step for step in plan.steps if not (isinstance(step, RemovePath) and "galssosx" in step.path)))
    station = OfflineWorkstation(root)
    for step in lazy.steps:
        station.apply(step, tmp_path)
    result = verify(before, bench.observe(root), bench.catalogue, lazy)
    assert {"verify.still-there", "verify.leftovers"} <= blocking(result)


def test_nothing_is_written_outside_the_scope(bench: Bench, tmp_path: Path) -> None:
    root = story(tmp_path / "volume")
    seen = _tree(root)
    _, plan = bench.install(root)
    now = _tree(root)
    changed = {path for path in seen.keys() | now.keys() if seen.get(path) != now.get(path)}
    trees = tuple(entry.path + "/" for entry in plan.scope if entry.kind == "tree")
    named = {entry.path for entry in plan.scope}
    assert {path for path in changed if path not in named and not path.startswith(trees)} == set()


def _tree(root: Path) -> dict[str, tuple[int, bytes]]:
    found = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found["/" + str(path.relative_to(root))] = (status.st_mode, content)
    return found


def test_effects_reach_only_what_is_ours(installed: tuple[Path, Facts, Plan]) -> None:
    _, _, plan = installed
    recursive = [step.path for step in plan.steps if isinstance(step, ApplyEffect) and step.recursive]
    assert recursive
    assert not any(path in {"/Library/Preferences/santesocial", "/Library/Application Support/santesocial"} for path in recursive)


@pytest.mark.parametrize(
    ("bundle", "refs"),
    [
        (None, set()),
        ("atsam-macos-4.41", set()),
        ("4.41", set()),
        ("atsam-macos-4.50", {"verify.other-set", "verify.bundle-not-for-os"}),
    ],
)
def test_held_against_one_bundle(bundle: str | None, refs: set[str], bench: Bench, installed: tuple[Path, Facts, Plan]) -> None:
    result = verify_against(bench.observe(installed[0]), bench.catalogue, bundle)
    assert blocking(result) == refs
    assert result.ok == (not refs)


def test_held_against_a_bundle_that_nobody_knows(bench: Bench, installed: tuple[Path, Facts, Plan]) -> None:
    with pytest.raises(UsageError) as caught:
        verify_against(bench.observe(installed[0]), bench.catalogue, "atsam-macos-9.99")
    assert [problem.ref for problem in caught.value.problems] == ["verify.bundle-unknown"]


def test_the_set_after_is_exactly_the_target(installed: tuple[Path, Facts, Plan]) -> None:
    assert installed[2].target.versions == ATSAM_VERSIONS["4.41"]
