"""The laboratory's ``/usr/sbin/installer``: really unpacks, writes receipts and applies the vendors' effects, through the offline engine.

The vendors' scripts are acted in our own words: GALSS keeps copies of its ini pair and deletes the one that is alone; the Cryptolib opens
a right and closes it at the end, adds certificates, opens the rights of everything in its folder of preferences.
"""

from __future__ import annotations

import os
import plistlib
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.guard.candidate import known_parts
from atsam_safe.packages import open_packages
from atsam_safe.plan.installation import plan_installation
from atsam_safe.plan.model import InstallPayload, Plan, StartService, Target, WriteReceipt
from atsam_safe.plan.ownership import Ownership
from atsam_safe.workstation.offline import OfflineWorkstation
from lab.macos.jobs import start_job
from lab.macos.keychain import add_certificate, certificate
from lab.macos.state import WINDOW_SINCE, Answer, Hanging, Lab

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atsam_safe.packages.opening import OpenedPackages
    from atsam_safe.plan.model import Step

REASONS: Final = {
    "C": "The Installer encountered an error that caused the installation to fail. Contact the software manufacturer for assistance.",
    "fr": "Le programme d’installation a rencontré une erreur qui a provoqué l’échec de l’installation. "
    "Contactez l’éditeur du logiciel pour obtenir de l’aide.",
    "sv": "Installeraren stötte på ett fel som gjorde att installationen misslyckades.",
}
PHASES: Final = {
    "C": ("Preparing for installation…", "Writing files…", "The software was successfully installed."),
    "fr": ("Préparation de l’installation…", "Écriture des fichiers…", "Le logiciel a été installé."),
    "sv": ("Förbereder för installation…", "Skriver filer…", "Programvaran har installerats."),
}
SERVICE: Final = (
    "/System/Library/PrivateFrameworks/PackageKit.framework/Versions/A/XPCServices/package_script_service.xpc/Contents/MacOS/"
    "package_script_service"
)
IGC_SANTE_ROOT: Final = "4B23D44DC5CBDA230FC052DFF52407EDAF373C69"
# What the Cryptolib's postinstall takes out of the keychain has 36 of them; two whose digests are known stand for all.
OBSOLETE_ROOTS: Final = ("AD6BBFC62D90736BD2010DEA1FD9E2ABA0D43785", "4E76BA5BADE2964AFF34D86E977A896B5FE01EA9")


def install(lab: Lab, argv: Sequence[str], _stdin: bytes) -> None:
    """Answer as ``installer -verboseR -pkg FILE -target /``."""
    with lab.opened():
        wrong, language = lab.wrong("installer"), lab.state["locale"]
        rosetta_missing = lab.state["arm"] and not lab.state["rosetta"]
        catalogue_folder = lab.state["catalogue"]
    package = Path(argv[argv.index("-pkg") + 1])
    name = "installer: Package name is ATSAM\n"
    if not package.is_file():
        raise Answer(1, err=f"installer: Error - the package path specified was invalid: '{package}'.\n")
    if rosetta_missing:
        raise Answer(
            1,
            f"{name}installer: This package requires Rosetta 2 to be installed.\n{'':16}Please install Rosetta 2 and then try again.\n"
            f"{'':20}`sudo softwareupdate --install-rosetta`\n\n",
            "installer: Error - ATSAM can’t be installed on this computer.\n",
        )
    if wrong == "refuses-on-stderr":
        raise Answer(1, name, "installer: Error -  Pre install check failed. Try again.\n")
    if wrong == "refuses":
        raise Answer(
            1, f"{name}installer: Cannot install on volume / because it is disabled.\ninstaller: The version of macOS is too new.\n"
        )
    first, writing, done = PHASES[language]
    out = f"{name}installer:PHASE:{first}\ninstaller: Installing at base path /\ninstaller:%12.114101\ninstaller:PHASE:{writing}\n"
    failed = f"{out}installer: The install failed. ({REASONS[language]})\n"
    success = f"{out}installer:%100.000000\ninstaller:PHASE:{done}\ninstaller: The install was successful.\n"
    if wrong == "says-yes":
        raise Answer(0, success)
    if wrong == "hangs":
        _half_way(lab)
        _helper_goes_on(lab)
        raise Hanging
    if wrong == "is-killed-with-us":
        # the power of the practice's own « force quit »: this program goes, the system's service stays
        _half_way(lab)
        _helper_goes_on(lab)
        os.kill(os.getpid(), signal.SIGKILL)
    _carry_out(lab, package, Path(catalogue_folder), wrong)
    _afterwards(lab, wrong)
    if wrong in {"dies-in-script", "fails-but-installed"}:
        raise Answer(1, failed)
    raise Answer(0, success)


def _afterwards(lab: Lab, wrong: str | None) -> None:
    """What a package or the system still does when ``installer`` is about to say its last word."""
    if wrong == "switches-the-agent-off":
        # « launchctl unload -w », as many vendors' scripts have it
        with lab.opened() as state:
            state["switched_off"] = [f"{job['domain']}/{job['label']}" for job in state["jobs"]]
            state["jobs"] = []
    if wrong == "goes-on-after-success":
        _helper_goes_on(lab, "/Library/Preferences/galss.ini")
    if wrong == "service-stays":
        _service_stays(lab)
    if wrong == "service-stays-and-files-move":
        _service_stays(lab, "/Library/Preferences/galss.ini")


def _half_way(lab: Lab) -> None:
    """Some files are written, the right is open."""
    lab.host("/Library/Application Support/Galss").mkdir(parents=True, exist_ok=True)
    lab.host("/Library/Application Support/Galss/galsvosx").write_bytes(b"half")
    with lab.opened():
        lab.open_right()


def _helper_goes_on(lab: Lab, path: str = "/Library/Application Support/Galss/late.txt") -> None:
    """The system's own service goes on for a moment after ``installer`` was ended, and writes once more."""
    late = lab.host(path)
    script = f"import time, pathlib; time.sleep(1.5); p = pathlib.Path({str(late)!r}); p.parent.is_dir() and p.write_text('late')"
    # not a Popen: nobody waits for it here, as nobody waits for the system's own service
    child = os.posix_spawn(sys.executable, [sys.executable, "-c", script], {"PATH": "/usr/bin:/bin"}, setsid=True)
    with lab.opened() as state:
        state["processes"].append({"pid": 90000 + child, "ppid": 1, "user": "root", "path": SERVICE, "real": child})
        state["processes"].append({"pid": 95000 + child, "ppid": 90000 + child, "user": "root", "path": "/bin/sh", "real": child})


def _service_stays(lab: Lab, path: str | None = None) -> None:
    """The system keeps its service after the last script; with ``path`` a file still moves for a moment, though no script runs."""
    with lab.opened() as state:
        state["processes"].append({"pid": 90001, "ppid": 1, "user": "root", "path": SERVICE})
    if path is None:
        return
    late = lab.host(path)
    script = f"import time, pathlib; p = pathlib.Path({str(late)!r}); [(time.sleep(0.1), p.write_text(f'late {{n}}')) for n in range(15)]"
    os.posix_spawn(sys.executable, [sys.executable, "-c", script], {"PATH": "/usr/bin:/bin"}, setsid=True)


def _carry_out(lab: Lab, package: Path, catalogue_folder: Path, wrong: str | None) -> None:
    catalogue = load_catalogue(catalogue_folder)
    preferences = lab.host("/Library/Preferences")
    _galss_preinstall(preferences, lab)
    workstation = OfflineWorkstation(lab.volume)
    facts = workstation.observe(catalogue)
    with open_packages(package, catalogue.trust, catalogue, datetime.now(UTC)) as opened:
        parts = known_parts(catalogue, opened.inspections)
        with lab.opened():
            if any(part.component == "cryptolib" for part in parts):
                lab.open_right()
        ownership = Ownership(facts, catalogue, {part.component for part in parts}, preserve=True)
        made = plan_installation(ownership, opened.inspections, parts, ownership.preserved())
        steps = (*_unknown_parts(opened), *made.steps)
        plan = Plan(command="install", target=Target(bundle=None, versions={}), steps=steps, scope=())
        _apply(workstation, plan, opened, lab)
    _scripts_end(lab, wrong)


def _unknown_parts(opened: OpenedPackages) -> list[Step]:
    """Apple's installer knows no catalogue: it puts in place what its package holds."""
    steps: list[Step] = []
    for package, inspection in enumerate(opened.inspections):
        for part, content in enumerate(inspection.components):
            if content.component is None and content.selection != "left-out":
                place: dict[str, Any] = {"identifier": content.identifier, "version": content.version, "package": package, "part": part}
                steps += [InstallPayload(**place, files=0, bytes=0), WriteReceipt(**place, title="ATSAM")]
    return steps


def _apply(workstation: OfflineWorkstation, plan: Plan, opened: OpenedPackages, lab: Lab) -> None:
    with tempfile.TemporaryDirectory(dir=lab.host("/private/var")) as folder:
        workstation.stage(plan, opened, Path(folder), lambda _phase, _done, _total: None)
        for step in plan.steps:
            if isinstance(step, StartService):
                _start(lab, step)
            else:
                workstation.apply(step, Path(folder))
    workstation.close()


def _start(lab: Lab, step: StartService) -> None:
    """The postinstall of SrvSVCNAM starts its agent for whoever is at the screen."""
    with lab.opened() as state:
        if step.path is not None and state["console"] is not None:
            values = plistlib.loads(lab.host(step.path).read_bytes())
            domain = f"gui/{state['users'][state['console']]}" if step.domain != "daemon" else "system"
            known = any(job["label"] == values["Label"] for job in state["jobs"])
            if not known and f"{domain}/{values['Label']}" not in state["switched_off"]:
                start_job(lab, domain, step.path, values)


def _galss_preinstall(preferences: Path, lab: Lab) -> None:
    """Copies of the pair; the one that is alone is deleted: the likely cause of the damage of the story."""
    pair = [preferences / "galss.ini", preferences / "io_comm.ini"]
    present = [file for file in pair if file.exists()]
    backup = preferences / f"santesocial/galssV3/backup-{time.strftime('%d-%m-%Y-%Hh%Mm%S')}"
    backup.mkdir(parents=True, exist_ok=True)
    for file in present:
        (backup / file.name).write_bytes(file.read_bytes())
    if len(present) == len(pair):
        for file in pair:
            (preferences / f"bck{file.name}").write_bytes(file.read_bytes())
    elif present:
        present[0].unlink()
    log = lab.host("/private/tmp/galss_preinstall_log_file.txt")
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("galss\n")


def _scripts_end(lab: Lab, wrong: str | None) -> None:
    """The end of the postinstalls, or what is missing when they die."""
    if wrong == "rewrites-config":
        lab.host("/Library/Preferences/galss.ini").write_bytes(b"[CONFIG]\nNbCanaux=1\n")
    if wrong == "loses-config":
        lab.host("/Library/Preferences/galss.ini").unlink()
    if wrong == "writes-elsewhere":
        lab.host("/Library/Application Support/Galss/not-in-the-receipt.bin").write_bytes(b"x" * 100)
    if wrong == "older-comes-back":
        # an agent of another vendor puts its own copy back while nobody looks
        receipt = lab.host("/private/var/db/receipts/fr.sesamvitale.galss.pkg.plist")
        receipt = receipt if receipt.exists() else next(lab.host("/private/var/db/receipts").glob("*galss*.plist"))
        values = plistlib.loads(receipt.read_bytes())
        receipt.write_bytes(plistlib.dumps({**values, "PackageVersion": "3.40.01"}))
    if wrong == "drops-a-file":
        lab.host("/Library/Frameworks/galssosx.framework/Versions/A/galssosx").unlink()
    for profile in lab.host("/Users").glob("*/Library/Application Support/Firefox/Profiles/*"):
        (profile / "prefs_save.js").write_bytes((profile / "prefs.js").read_bytes())
        (profile / "extensions").mkdir(exist_ok=True)
        (profile / "extensions/CPS2ter-2020_Firefox@asipsante.fr.xpi").write_bytes(b"PK")
        break  # only the home of whoever started the installation
    with lab.opened() as state:
        # gone from the keychain only: what was said of their trust stays where it is
        state["certificates"] = [one for one in state["certificates"] if one["sha1"] not in OBSOLETE_ROOTS]
        add_certificate(lab, certificate("AC RACINE IGC-SANTE ELEMENTAIRE", IGC_SANTE_ROOT)["pem"])
        # no script of the installer can show a window: where the right is not open the root stays untrusted
        if IGC_SANTE_ROOT not in state["trusted"] and (lab.release < WINDOW_SINCE or state["right"].get("class") == "allow"):
            state["trusted"].append(IGC_SANTE_ROOT)
        if wrong not in {"dies-in-script", "leaves-right-open"}:
            state["right"] = {"class": "rule", "rule": ["authenticate-admin"], "created": 1, "modified": os.getpid(), "version": 1}
