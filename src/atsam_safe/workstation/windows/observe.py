"""Observation of the Windows workstation this program runs on: the world → ``Facts``. Nothing is changed, nothing private is opened."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from atsam_safe.catalogue.windows_paths import covers, expand, has_wildcard, is_program, key
from atsam_safe.facts.ini import parse_ini
from atsam_safe.facts.model import (
    BinaryImage,
    ConfigFact,
    Facts,
    Home,
    OperatingSystem,
    PathFact,
    ProcessFact,
    ServiceFact,
    Space,
    SystemState,
)
from atsam_safe.words.model import WorkstationError
from atsam_safe.workstation.windows.people import NOT_LOOKED_AT, person_at_screen
from atsam_safe.workstation.windows.products import read_identities, read_products

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.catalogue.windows import WindowsPathRule
    from atsam_safe.facts.model import Architecture, InstalledProduct
    from atsam_safe.volume.windows_volume import WindowsVolume
    from atsam_safe.workstation.windows.native import Native, RegistryValue

CURRENT_VERSION: Final = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
_FOLDERS: Final = r"SOFTWARE\Microsoft\Windows\CurrentVersion"
_RESTART_KEYS: Final = (
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending",
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired",
)
_SESSION_MANAGER: Final = r"SYSTEM\CurrentControlSet\Control\Session Manager"
_IN_PROGRESS: Final = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Installer\InProgress"
_MAX_HASHED_BYTES: Final = 64 << 20
_MAX_CONFIG_BYTES: Final = 1 << 20
_MOST_BELOW: Final = 5_000
_TEMPORARY: Final = ("\\temp\\", "\\tmp\\", "\\downloads\\", "\\téléchargements\\", "\\appdata\\local\\temp")
_PROGRAM_ROLES: Final = frozenset({"program", "library"})
_FIRST_ELEVEN: Final = 22_000


def system_folders(native: Native) -> dict[str, str]:
    """Where the system's folders are, by the names the catalogue uses; from the registry alone."""
    values = native.values("HKLM", _FOLDERS, "64") or {}
    root = _text(native.values("HKLM", CURRENT_VERSION, "64") or {}, "systemroot") or "C:\\Windows"
    drive = root[:2]
    # Never from the environment: any user may set a variable of this name that an administrator's program then inherits.
    shared = native.values("HKLM", f"{_FOLDERS}\\Explorer\\Shell Folders", "64") or {}
    data = _text(shared, "common appdata") or f"{drive}\\ProgramData"
    return {
        "WINDIR": root,
        "SystemRoot": root,
        "SystemDrive": drive,
        "ProgramFiles": _text(values, "programfilesdir") or f"{drive}\\Program Files",
        "ProgramFiles(x86)": _text(values, "programfilesdir (x86)") or f"{drive}\\Program Files (x86)",
        "ProgramData": data,
        "ALLUSERSPROFILE": data,
        "SANTESOCIAL": f"{data}\\santesocial",
        "System32": f"{root}\\System32",
        "SysWOW64": f"{root}\\SysWOW64",
    }


def observe(native: Native, volume: WindowsVolume, catalogue: Catalogue, *, ownership: bool) -> Facts:
    """Look at the workstation once. ``ownership`` also hashes the components' programs."""
    folders = system_folders(native)
    person = person_at_screen(native, folders)
    products = read_products(native, person)
    looker = _Looker(native, volume, folders, hashing=ownership)
    paths, configs = looker.look(catalogue)
    room = volume.room()
    return Facts(
        adapter="windows",
        os=operating_system(native),
        homes=() if person is None or person.home is None else (Home(user=person.account, path=person.home),),
        products=products,
        registry=read_identities(native, catalogue),
        paths=paths,
        configs=configs,
        services=_services(native, catalogue),
        processes=known_processes(native, catalogue, folders),
        space=Space(free=room.free, total=room.total, writable=room.writable),
        system=_state(native),
        folders=folders,
        notes=(*_notes(products or ()), *(() if person is not None else (NOT_LOOKED_AT,))),
    )


def operating_system(native: Native) -> OperatingSystem:
    """The release by its build number: the registry still says « Windows 10 » on Windows 11."""
    values = native.values("HKLM", CURRENT_VERSION, "64") or {}
    told = native.build()
    build = _text(values, "currentbuild") or _text(values, "currentbuildnumber")
    major = values.get("currentmajorversionnumber")
    minor = values.get("currentminorversionnumber")
    lead = f"{major}.{minor}" if isinstance(major, int) and isinstance(minor, int) else _text(values, "currentversion") or "10.0"
    revision = values.get("ubr")
    version = f"{lead}.{build}" if build else told[0] if told else None
    if version is not None and build and isinstance(revision, int):
        version = f"{version}.{revision}"
    server = "server" in (_text(values, "installationtype") or (told[1] if told else "")).casefold()
    machine = native.machine()
    hardware: Architecture | None = machine if machine in {"x86_64", "arm64", "i386"} else None  # type: ignore[assignment]  # just compared
    return OperatingSystem(
        family="windows",
        name=_product_name(values, build, server=server),
        version=version,
        build=build,
        hardware=hardware,
        source="registry",
        problem=None if version is not None else "no build number in the registry",
    )


def _product_name(values: dict[str, RegistryValue], build: str | None, *, server: bool) -> str:
    named = _text(values, "productname") or "Windows"
    if server:
        return named if "server" in named.casefold() else f"{named} Server"
    if build is not None and build.isdigit() and int(build) >= _FIRST_ELEVEN:
        return named.replace("Windows 10", "Windows 11")
    return named


def _text(values: dict[str, RegistryValue], name: str) -> str | None:
    value = values.get(name)
    return value if isinstance(value, str) and value else None


def _state(native: Native) -> SystemState:
    keys_there = any(native.values("HKLM", name, "64") is not None for name in _RESTART_KEYS)
    renames = (native.values("HKLM", _SESSION_MANAGER, "64") or {}).get("pendingfilerenameoperations")
    busy = native.installer_busy()
    in_progress = native.values("HKLM", _IN_PROGRESS, "64") is not None
    return SystemState(
        restart_pending=keys_there or bool(renames and any(renames if isinstance(renames, tuple) else (renames,))),
        installer_running=None if busy is None and not in_progress else bool(busy) or in_progress,
        on_battery=native.on_battery(),
        elevated=native.elevated(),
        console_user=native.session_owner(),
    )


def _services(native: Native, catalogue: Catalogue) -> tuple[ServiceFact, ...]:
    names = dict.fromkeys(rule.name for one in catalogue.components if one.windows is not None for rule in one.windows.services)
    names |= dict.fromkeys(name for one in catalogue.dependents if "windows" in one.families for name in one.services if "*" not in name)
    found: list[ServiceFact] = []
    for name in names:
        status = native.service(name)
        if status is not None:
            found.append(
                ServiceFact(
                    label=name,
                    path=f"service:{name}",
                    domain="service",
                    program=status.program,
                    running=status.running,
                    disabled=status.start == "disabled",
                )
            )
    return tuple(found)


def known_processes(native: Native, catalogue: Catalogue, folders: dict[str, str]) -> tuple[ProcessFact, ...] | None:
    """Only programs of the components, and of software that uses them: what else a practice runs is nobody's business."""
    running = native.processes()
    if running is None:
        return None
    rules = [rule for one in catalogue.components if one.windows is not None for rule in one.windows.processes]
    users = [one for one in catalogue.dependents if one.uses and "windows" in one.families]
    patterns = [pattern for one in users for pattern in (*one.paths, *one.owns) if not pattern.startswith(("/", "~"))]
    places = [place for pattern in patterns if (place := expand(pattern, folders)) is not None]
    return tuple(
        ProcessFact(path=process.path, pid=process.pid)
        for process in running
        if any(is_program(rule, process.path, folders) for rule in rules)
        or any(covers(place, process.path, below=True) for place in places)
    )


def _notes(products: Iterable[InstalledProduct]) -> Iterator[str]:
    """Products whose source lies where it will be cleaned away: Windows will ask for the package one day."""
    for product in products:
        if product.install_source and any(part in f"{product.install_source.casefold()}\\" for part in _TEMPORARY):
            yield f"install-source-temporary:{product.name}"


class _Looker:
    """Looks at the paths the catalogue names, in one spelling, each once."""

    def __init__(self, native: Native, volume: WindowsVolume, folders: dict[str, str], *, hashing: bool) -> None:
        self._native = native
        self._volume = volume
        self._folders = folders
        self._hashing = hashing
        self._found: dict[str, PathFact] = {}
        self._configs: dict[str, ConfigFact] = {}

    def look(self, catalogue: Catalogue) -> tuple[tuple[PathFact, ...], tuple[ConfigFact, ...]]:
        """Every path of the components and of other vendors' software that is there."""
        self._add(self._folders["WINDIR"], program=False)
        for component in catalogue.components:
            for rule in component.windows.paths if component.windows is not None else ():
                if rule.role != "private":
                    self._rule(rule)
        for dependent in catalogue.dependents:
            if "windows" in dependent.families:
                for pattern in (*dependent.paths, *dependent.owns, *dependent.shares):
                    if not pattern.startswith(("/", "~")):
                        for path in self._concrete(pattern):
                            self._add(path, program=False)
        ordered = tuple(self._found[name] for name in sorted(self._found))
        return ordered, tuple(self._configs[name] for name in sorted(self._configs))

    def _rule(self, rule: WindowsPathRule) -> None:
        for path in self._concrete(rule.path):
            self._add(path, program=rule.scope == "file" and rule.role in _PROGRAM_ROLES)
            if rule.role == "config" and key(path) in self._found:
                self._config(path)
            if rule.scope == "tree" and rule.role in _PROGRAM_ROLES and self._hashing:
                self._below(path)

    def _below(self, folder: str) -> None:
        try:
            for count, entry in enumerate(self._volume.walk(folder)):
                if count > _MOST_BELOW:
                    return
                self._add(self._volume.shown(entry.path), program=False)
        except WorkstationError:
            return

    def _concrete(self, pattern: str) -> Iterator[str]:
        path = expand(pattern, self._folders)
        if path is None or key(path)[1:2] != ":":
            return
        if not has_wildcard(path):
            yield path
            return
        parts = path.split("\\")
        yield from self._matching(parts[0], parts[1:])

    def _matching(self, base: str, rest: list[str]) -> Iterator[str]:
        if not rest:
            yield base
            return
        if not has_wildcard(rest[0]):
            yield from self._matching(f"{base}\\{rest[0]}", rest[1:])
            return
        import fnmatch  # noqa: PLC0415 - few rules have a wildcard

        try:
            names = self._volume.list_directory(base)
        except WorkstationError:
            return
        for name in names[:_MOST_BELOW]:
            if fnmatch.fnmatchcase(name.casefold(), rest[0].casefold()):
                yield from self._matching(f"{base}\\{name}", rest[1:])

    def _add(self, path: str, *, program: bool) -> None:
        if key(path) in self._found:
            return
        try:
            entry = self._volume.lstat(path)
        except WorkstationError as error:
            self._found[key(path)] = PathFact(path=path, kind="other", mode=0, uid=0, gid=0, problem=error.problems[0].ref)
            return
        if entry is None:
            return
        kind = "symlink" if entry.kind == "link" else entry.kind
        version = self._native.file_version(path) if program and kind == "file" else None
        digest = self._digest(path) if self._hashing and kind == "file" and entry.size <= _MAX_HASHED_BYTES else None
        self._found[key(path)] = PathFact(
            path=path,
            kind=kind,
            mode=entry.mode,
            uid=0,
            gid=0,
            size=entry.size,
            link=entry.link,
            sha256=digest,
            image=None if version is None else BinaryImage(architectures=(), current_version=version),
        )

    def _digest(self, path: str) -> str | None:
        hasher = hashlib.sha256()
        try:
            with self._volume.open_read(path) as stream:
                while data := stream.read(1 << 20):
                    hasher.update(data)
        except (OSError, WorkstationError):
            return None
        return hasher.hexdigest()

    def _config(self, path: str) -> None:
        try:
            data = self._volume.read_bytes(path, _MAX_CONFIG_BYTES)
        except WorkstationError as error:
            problem = error.problems[0].ref
            self._configs[key(path)] = ConfigFact(path=path, sha256="", size=0, line_ends="none", encoding="ascii", problem=problem)
            return
        reading = parse_ini(data)
        self._configs[key(path)] = ConfigFact(
            path=path,
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            line_ends=reading.line_ends,
            encoding=reading.encoding,
            sections=reading.sections,
            problem=reading.problem,
        )
