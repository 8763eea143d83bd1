"""A small but whole workstation, signed packages and warm commands: what every cell of the fault matrix starts from.

The components keep their genuine identifiers and paths and only a few files each, so that a whole run takes a fraction of a second. The
catalogue is the shipped one with the test authority in it, without the entries that speak of other products; it is loaded once, by the
parent. Everything else is the real program, from the command line to the exit code.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import gc
import hashlib
import io
import os
import platform
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.cli import dispatch, world
from atsam_safe.snapshot import check as check_module
from atsam_safe.snapshot import parallel as parallel_module
from faults.child import Ended, build_shorten, calls_of, injection, looks_of, run_child, shortening
from faults.fingerprint import Expected, Fingerprint, fingerprint
from faults.oracle import Oracle, States
from faults.script_cells import commands_of
from lab.atsam import ATSAM_VERSIONS, CRYPTOLIB, GALSS, SRVSVCNAM, Sabotage, build_atsam, component_items
from lab.authority import Authority
from lab.catalogue import write_test_manifests
from lab.stage import contradicting_galss
from lab.workstation import FSV, RECEIPTS, fsv, lay_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from atsam_safe.catalogue.model import Catalogue
    from faults.child import Call

KEPT: Final = {
    GALSS: (
        "galssosx.framework/Versions/A",
        "galclosx.framework/Versions/Current",
        "galclosx.framework/Versions/A/galclosx",
        "pcscosx.framework/Versions/A/pcscosx",
        "galsvosx",
        "Library/Preferences/",
        "Resources/Info",
    ),
    SRVSVCNAM: ("SrvSVcnam_Lanceur", "AC-SRVSVCNAM", "LaunchAgents"),
    CRYPTOLIB: ("libcps3", "cps3_pkcs11.conf", "AC_FORT_PERSONNES", "commun/adm"),
}
PROJECT: Final = Path(__file__).parents[2]
FOLDER_STEM: Final = "atsam-faults"
IN_MEMORY: Final = Path("/dev/shm")
TICK: Final = 1.05
GALSS_FOLDER: Final = "Library/Application Support/Galss"
ODD_NAMES: Final = (
    b"with spaces",
    b'it\'s "quoted" $HOME `id`',
    b"two\nlines",
    b"caf\xe9 in Latin-1",
    b"-rf",
    b"back\\slash",
    "é".encode(),
)
OTHER_OWNER: Final = (12345, 54321)
YEARS_AGO: Final = 1_400_000_000


def fast_folder() -> Path:
    """A new private folder, in memory where there is such a place: thousands of small workstations are made and thrown away.

    Its name says whose it is: what a run that was killed could not throw away, the next one does.
    """
    place = IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    for old in place.glob(f"{FOLDER_STEM}-*-*"):
        owner = old.name.split("-")[2]
        if owner.isdecimal() and not Path(f"/proc/{owner}").exists() and old.lstat().st_uid == os.geteuid():
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{FOLDER_STEM}-{os.getpid()}-", dir=place))


class Inline:
    """In the place of the pool of threads: the order of system calls is then the same in every run, so a number means a place."""

    def __init__(self, workers: int) -> None:
        del workers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def map(self, work: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        """As the pool's."""
        return map(work, items)

    def submit(self, work: Callable[[Any], Any], item: Any) -> Future[Any]:  # noqa: ANN401 - as the pool's
        """As the pool's, done when it returns."""
        future: Future[Any] = Future()
        try:
            future.set_result(work(item))
        except Exception as error:  # noqa: BLE001 - handed over as the pool hands it over
            future.set_exception(error)
        return future

    def shutdown(self, **_: object) -> None:
        """Nothing runs on."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scenario:
    """One command on one kind of workstation. ``code``: how the undisturbed run ends; ``keeps``: how many snapshots a pruning leaves."""

    name: str
    template: str
    arguments: tuple[str, ...]
    code: int = 0
    keeps: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prepared:
    """A scenario with the states it may end in, the changing system calls it makes, and the names of the reading ones.

    ``looks``: the calls by which it looks, those before its first change included.
    ``commands``: where the script of the template's unfinished run starts a command, if there is one.
    """

    scenario: Scenario
    states: States
    calls: tuple[Call, ...]
    reads: frozenset[str] = frozenset()
    looks: tuple[Call, ...] = ()
    commands: tuple[Call, ...] = ()


INSTALL = ("--yes", "install", "{sound}")
# templates with an unfinished run in them, and what they were before it
INTERRUPTED_FROM: Final = {"interrupted": "damaged", "half rolled back": "installed"}
SCENARIOS: Final = (
    Scenario(name="install over a damaged set", template="damaged", arguments=INSTALL),
    Scenario(name="first install, nothing there", template="bare", arguments=INSTALL),
    Scenario(name="install that fails its verification", template="installed", arguments=("--yes", "install", "{lying}"), code=20),
    Scenario(name="uninstall", template="installed", arguments=("--yes", "--accept", "dependents.present", "uninstall", "--all")),
    Scenario(name="rollback", template="installed", arguments=("--yes", "rollback")),
    Scenario(name="recover", template="interrupted", arguments=("recover",)),
    Scenario(name="recover a rollback", template="half rolled back", arguments=("recover",)),
    Scenario(name="prune", template="much used", arguments=("--yes", "snapshots", "prune", "--keep", "1"), keeps=1),
)


class Scene:
    """The materials of all cells, made once per process tree."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._replaced: list[tuple[object, str, object]] = []
        self._environment = dict(os.environ)
        folder.mkdir(parents=True, exist_ok=True)
        self.shorten = build_shorten(folder)
        kept = kept_materials()
        with contextlib.nullcontext() if kept is None else _one_at_a_time(kept.parent):
            is_kept = kept is not None and kept.is_dir()
            if is_kept:
                subprocess.run(["/bin/cp", "-a", f"{kept}/.", str(folder)], check=True)
            else:
                self._build_materials()
            self.catalogue = self._load_catalogue()
            self.packages = {name: str(folder / f"{name}.pkg") for name in ("sound", "lying")}
            self.payloads = {identifier: _payload(identifier, version) for identifier, version in ATSAM_VERSIONS["4.41"].items()}
            self._warm_up()
            if not is_kept:
                self._lay_out_templates()
                if kept is not None:
                    self._keep(kept)

    # --- materials ------------------------------------------------------------------------------------------------------------------

    def _keep(self, place: Path) -> None:
        """Keep what was made for the next runs of this checkout: a cell that was named is then the same one again."""
        fresh = place.with_name(f".{place.name}-{os.getpid()}")
        fresh.mkdir(parents=True)
        for name in ("sound.pkg", "lying.pkg", "catalogue", "templates"):
            self._copy(self.folder / name, fresh / name)
        for old in place.parent.glob(f"{place.name.rpartition('-')[0]}-*"):
            shutil.rmtree(old, ignore_errors=True)
        with contextlib.suppress(OSError):  # another run was faster: the same from the same sources
            fresh.rename(place)
        shutil.rmtree(fresh, ignore_errors=True)

    def _build_materials(self) -> None:
        authority = Authority.create()
        for name, galss in (("sound", None), ("lying", contradicting_galss())):
            sabotage = {component: _small(component, version) for component, version in ATSAM_VERSIONS["4.41"].items()}
            if galss is not None:
                sabotage[GALSS] = dataclasses.replace(sabotage[GALSS], contents=galss.contents)
            (self.folder / f"{name}.pkg").write_bytes(build_atsam("4.41", authority.signer(), sabotage=sabotage))
        write_test_manifests(self.folder / "catalogue", authority.trust())

    def _load_catalogue(self) -> Catalogue:
        whole = load_catalogue(self.folder / "catalogue")
        components = tuple(item for item in whole.components if item.id in {GALSS, SRVSVCNAM, CRYPTOLIB, "fsv"})
        dependents = tuple(item for item in whole.dependents if item.id == "fsv-software")
        return msgspec.structs.replace(whole, components=components, dependents=dependents, symptoms=(), cards=())

    def _warm_up(self) -> None:
        """Load every module a command needs, once; from here on children only fork."""
        self.put_on()
        root = self.folder / "warm"
        self._lay_out(root)
        for arguments in (
            INSTALL,
            ("--yes", "install", "{lying}"),
            ("--yes", "rollback"),
            ("recover",),
            ("snapshots", "check"),
            ("status",),
        ):
            with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), encoding="utf-8")), contextlib.redirect_stderr(io.StringIO()):
                self.action(root, arguments)()
        shutil.rmtree(root)
        gc.collect()
        gc.freeze()

    def _lay_out(self, root: Path) -> None:
        lay_out(root, os_version="10.14.6", users=("docteur",), neighbours=(fsv(),), hardware="x86_64")
        (root / RECEIPTS / "org.example.other.plist").write_bytes(b"somebody else's")
        make_odd(root / FSV)

    def _lay_out_templates(self) -> None:
        self._lay_out(self.template("bare"))
        self._derive("installed", "bare", INSTALL)
        make_odd(self.template("installed") / GALSS_FOLDER)
        # whatever is done to the component's name must not be done to the neighbour's file behind it
        (self.template("installed") / GALSS_FOLDER / "linked to a neighbour's").hardlink_to(
            self.template("installed") / FSV / "with spaces"
        )
        self._copy(self.template("installed"), self.template("damaged"))
        self._damage(self.template("damaged"))
        self._derive("rolled back", "installed", ("--yes", "rollback"))
        self._derive("much used", "rolled back", ("--yes", "rollback"), ("--yes", "rollback"), ("--yes", "rollback"))
        for name, arguments in (("interrupted", INSTALL), ("half rolled back", ("--yes", "rollback"))):
            self._interrupt(name, INTERRUPTED_FROM[name], arguments)

    @staticmethod
    def _damage(root: Path) -> None:
        """A missing file, a changed one, and one that should not be there with rights nobody expects."""
        (root / "Library/Frameworks/galssosx.framework/Versions/A/Resources/Info.plist").unlink()
        (root / "usr/local/lib/libcps3_pkcs11_osx.dylib").write_bytes(b"another library\n" * 50)
        stray = root / "Library/Application Support/Galss/old galsvosx"
        stray.write_bytes(b"left by somebody")
        stray.chmod(0o640)

    def _derive(self, name: str, parent: str, *commands: tuple[str, ...]) -> None:
        root = self._copy(self.template(parent), self.template(name))
        for arguments in commands:
            ended = self.run(root, arguments)
            if ended.code != 0:
                raise RuntimeError((name, arguments, ended.code, ended.out, ended.err))

    def _interrupt(self, name: str, parent: str, arguments: tuple[str, ...]) -> None:
        """A run killed in the middle of its changes of the workstation."""
        probe = self._copy(self.template(parent), self.folder / "probe")
        before = fingerprint(probe)
        _, calls, _ = self.trace(probe, arguments)
        shutil.rmtree(probe)
        changing = [call for call in calls if call.name in {"unlinkat", "renameat", "mkdirat"}]
        for call in changing[len(changing) * 2 // 3 :]:
            root = self._copy(self.template(parent), self.template(name))
            self.disturb(root, arguments, call, "signal=KILL")
            if fingerprint(root) != before and (root / "Library/Application Support/atsam-safe/run/journal.log").exists():
                return
            shutil.rmtree(root)
        raise RuntimeError(name)

    def put_on(self) -> None:
        """Put the stand-ins in place: the catalogue that is loaded already, and a loop for the pool of threads."""
        catalogue = self.catalogue
        for module, name, stand_in in (
            (world, "load_catalogue", lambda _folder: catalogue),
            (parallel_module, "ThreadPoolExecutor", Inline),
            (check_module, "ThreadPoolExecutor", Inline),
        ):
            self._replaced.append((module, name, getattr(module, name)))
            setattr(module, name, stand_in)
        self._environment = dict(os.environ)
        os.environ.update({"LC_ALL": "C.UTF-8", "NO_COLOR": "1", "XDG_STATE_HOME": str(self.folder / "logs")})

    def take_off(self) -> None:
        """Give the process its own modules and environment back."""
        if not self._replaced:
            return
        for module, name, original in reversed(self._replaced):
            setattr(module, name, original)
        self._replaced.clear()
        os.environ.clear()
        os.environ.update(self._environment)

    def close(self) -> None:
        """The end of it."""
        self.take_off()
        gc.unfreeze()

    # --- use ------------------------------------------------------------------------------------------------------------------------

    def template(self, name: str) -> Path:
        """Where the template of that name lies."""
        return self.folder / "templates" / name.replace(" ", "-")

    @staticmethod
    def _copy(source: Path, target: Path) -> Path:
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["/bin/cp", "-a", str(source), str(target)], check=True)
        return target

    def fresh(self, template: str, folder: Path) -> Path:
        """A copy of a template of one's own, as ``poste`` in ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder / "poste", ignore_errors=True)
        return self._copy(self.template(template), folder / "poste")

    def action(self, root: Path, arguments: Sequence[str]) -> Callable[[], int]:
        """The whole command line as a function."""
        words = [word.format(**self.packages) for word in arguments]
        line = ["--manifests", str(self.folder / "catalogue"), "--root", str(root), "--json", *words]
        return lambda: dispatch.run(line)

    def run(self, root: Path, arguments: Sequence[str]) -> Ended:
        """Run a command in a child; its files lie beside ``root``."""
        return run_child(self.action(root, arguments), root.parent)

    def disturb(self, root: Path, arguments: Sequence[str], call: Call, what: str, *, sticky: bool = False) -> Ended:
        """Run a command in a child in which ``what`` happens at ``call``."""
        if what.startswith("short="):
            options = shortening(self.shorten, call.name, call.since, what, sticky=sticky)
        else:
            options = injection(call, what, sticky=sticky)
        return run_child(self.action(root, arguments), root.parent, options, stop_at=call.primitive)

    def trace(self, root: Path, arguments: Sequence[str]) -> tuple[Ended, list[Call], frozenset[str]]:
        """Run a command in a child and list its changing system calls, and which reading ones it makes."""
        return calls_of(self.action(root, arguments), root.parent)

    def prepare(self, scenario: Scenario) -> Prepared:
        """What the scenario may end in, found by running it: once traced, once more at another second."""
        folder = self.folder / f"prepare-{os.getpid()}"
        root = self.fresh(scenario.template, folder)
        before = self.before(scenario.template, root)
        oracle = Oracle(root, States(before=before, keeps=scenario.keeps), self.payloads)
        ended, calls, reads = self.trace(root, scenario.arguments)
        oracle.judge_kept(finished=True)
        oracle.judge_residue()
        if ended.code != scenario.code or oracle.violations:
            raise RuntimeError((scenario.name, ended.code, ended.out, ended.err, oracle.violations))
        first = fingerprint(root)
        time.sleep(TICK)
        root = self.fresh(scenario.template, folder)
        looks = looks_of(self.action(root, scenario.arguments), root.parent)
        second = fingerprint(root)
        commands: tuple[Call, ...] = ()
        if scenario.template in INTERRUPTED_FROM:
            commands = commands_of(self.fresh(scenario.template, folder), folder)
        shutil.rmtree(folder)
        after = None if first == before else Expected((first, second))
        return Prepared(
            scenario=scenario,
            states=States(before=before, after=after, keeps=scenario.keeps),
            calls=tuple(calls),
            reads=reads,
            looks=tuple(looks),
            commands=commands,
        )

    def before(self, template: str, root: Path) -> Fingerprint:
        """The state that an interrupted template was in before it was interrupted, or that the template is in."""
        origin = INTERRUPTED_FROM.get(template)
        return fingerprint(root if origin is None else self.template(origin))


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Whoever comes second waits and takes what the first has made; nobody's materials are removed while they are copied."""
    folder.mkdir(exist_ok=True)
    with (folder / "scene.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def kept_materials() -> Path | None:
    """Where packages and templates of these very sources are kept; ``None`` when nothing can be kept in the checkout.

    The hours and keys in them decide how many calls a command makes: made anew in each run, a number would mean another place each time.
    """
    if not os.access(PROJECT, os.W_OK):
        return None
    digest = hashlib.sha256(repr((os.geteuid(), platform.platform(), platform.python_version(), IN_MEMORY.is_dir())).encode())
    for folder in ("src", "tests/lab", "tests/faults", "manifests"):
        for path in sorted((PROJECT / folder).rglob("*")):
            if path.is_file() and path.suffix != ".pyc" and "corpus" not in path.parts:
                digest.update(f"{path.relative_to(PROJECT)} {path.stat().st_size}\n".encode() + path.read_bytes())
    return PROJECT / ".faults" / f"scene-{digest.hexdigest()[:16]}"


def _payload(component: str, version: str) -> frozenset[str]:
    """The paths that a component's payload names, as the lab built it."""
    return frozenset("/" + item.path.strip("/") for item in component_items(component, version))


def make_odd(folder: Path) -> None:
    """What a workstation that was worked on for years holds: attributes, other owners, special bits, hard links, names of all kinds."""
    for name in ODD_NAMES:
        (folder / os.fsdecode(name)).write_bytes(b"content of " + name)
    marked, special, private = folder / "attributed.txt", folder / "set-uid helper", folder / "private folder"
    marked.write_bytes(b"marked\n")
    special.write_bytes(b"#!/bin/sh\n")
    private.mkdir()
    (private / "of another owner").write_bytes(b"theirs\n")
    (folder / "the same, hard link").hardlink_to(marked)
    if os.geteuid() == 0:
        os.chown(private / "of another owner", *OTHER_OWNER)
        os.chown(special, *OTHER_OWNER)
    with contextlib.suppress(OSError):  # a file system without attributes
        for place in (marked, private):
            os.setxattr(place, "user.com.example.note", b"kept\0as it is")
    (private / "of another owner").chmod(0o640)
    private.chmod(0o3711)
    special.chmod(0o4755)
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (YEARS_AGO, YEARS_AGO), follow_symlinks=False)


def _small(component: str, version: str) -> Sabotage:
    items = component_items(component, version)
    return Sabotage(missing=tuple(item.path for item in items if not any(part in item.path for part in KEPT[component])))


@contextlib.contextmanager
def made_scene() -> Iterator[Scene]:
    """A scene in a folder that goes away with it."""
    folder = fast_folder()
    scene = Scene(folder)
    try:
        yield scene
    finally:
        scene.close()
        shutil.rmtree(folder, ignore_errors=True)
