"""Whole macOS system volumes laid out in a folder: the story's Mojave workstation, and any other release with any components.

Plain functions for tests and for the demonstration; nothing here needs pytest. Every volume is real: files, links, modes,
binary receipts with genuine bills of materials, property lists in Apple's key order. ``lab.damage`` breaks them.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import plistlib
import shutil
from typing import TYPE_CHECKING, Any, Final

from lab.atsam import ATSAM_VERSIONS, COMPONENTS, CRYPTOLIB, GALSS, IDENTIFIERS, SRVSVCNAM, attribute_members, component_items
from lab.bill import bill_of_materials
from lab.items import Item, directory, file, symlink, with_parents

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

RECEIPTS: Final = "private/var/db/receipts"
HISTORY: Final = "Library/Receipts/InstallHistory.plist"
SYSTEM_VERSION: Final = "System/Library/CoreServices/SystemVersion.plist"
ADM: Final = "Library/Application Support/santesocial/commun/adm"
FSV: Final = "Library/Application Support/santesocial/fsv/1.40.14"
FSV_WORK: Final = f"{FSV}/travail"
FSV_MARKER: Final = f"{FSV_WORK}/ASSURE-0001.dat"
PROFILE: Final = "Library/Application Support/Firefox/Profiles/x7k2p9qa.default-release"
STAFF: Final = 20
USERS: Final = ("docteur", "Hélène Dupré")
CPS_READER: Final = "Gemplus GemPC Twin bi-fente 00 00"
VITALE_READER: Final = "Gemplus GemPC Twin bi-fente 01 00"
INSTALLED_AT: Final = dt.datetime(2019, 6, 3, 8, 15, 0)  # noqa: DTZ001 - property lists carry UTC without a zone

BUILDS: Final = {
    "10.11.6": "15G31",
    "10.12.6": "16G29",
    "10.13.6": "17G65",
    "10.14.6": "18G9323",
    "10.15.7": "19H2",
    "11.7.10": "20G1427",
    "12.7.6": "21H1320",
    "13.7.2": "22H313",
    "14.7.4": "23H420",
    "15.6": "24G84",
    "26.0": "25A354",
}
_GALSS_FRAMEWORKS: Final = ("galinosx", "pcscosx", "galssosx", "pssinosx", "galclosx")
_YOSEMITE: Final = (10, 10)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Neighbour:
    """Another vendor's product: what it puts on the disk and the receipt it leaves. ``stray`` items are in no receipt."""

    identifier: str
    version: str
    title: str
    items: tuple[Item, ...]
    stray: tuple[Item, ...] = ()


# --- single things -----------------------------------------------------------------------------------------------------------


def put(root: Path, items: Iterable[Item]) -> None:
    """Lay items out below ``root`` (replacing files and links that are there), modes and times included."""
    for item in items:
        if item.path == ".":
            continue
        target = root / item.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if item.kind == "directory":
            existed = target.is_dir()
            target.mkdir(exist_ok=True)
            if not existed:
                target.chmod(item.permissions)
            continue
        if target.is_symlink() or target.exists():
            target.unlink()
        if item.kind == "symlink":
            target.symlink_to(item.link)
        else:
            target.write_bytes(item.data)
            target.chmod(item.permissions)


def put_job(label: str, program: str) -> bytes:
    """The property list of a launchd job."""
    return plistlib.dumps({"Label": label, "ProgramArguments": [program], "RunAtLoad": True, "KeepAlive": True})


def add_receipt(
    root: Path,
    identifier: str,
    version: str,
    items: Sequence[Item],
    *,
    title: str | None = None,
    prefix: str = "/",
    installed_at: dt.datetime = INSTALLED_AT,
    process: str = "Installer",
) -> None:
    """What macOS remembers of an installed package: plist, bill of materials and a line of the history."""
    folder = root / RECEIPTS
    folder.mkdir(parents=True, exist_ok=True)
    receipt = {
        "InstallDate": installed_at,
        "InstallPrefixPath": prefix,
        "InstallProcessName": process,
        "PackageFileName": f"{identifier}.pkg",
        "PackageIdentifier": identifier,
        "PackageVersion": version,
    }
    (folder / f"{identifier}.plist").write_bytes(plistlib.dumps(receipt, fmt=plistlib.FMT_BINARY))
    (folder / f"{identifier}.bom").write_bytes(bill_of_materials(with_parents(items)))
    history = root / HISTORY
    history.parent.mkdir(parents=True, exist_ok=True)
    lines: list[dict[str, Any]] = plistlib.loads(history.read_bytes()) if history.exists() else []
    lines.append(
        {
            "date": installed_at,
            "displayName": title or identifier,
            "displayVersion": version,
            "packageIdentifiers": [identifier],
            "processName": process,
        }
    )
    history.write_bytes(plistlib.dumps(lines, sort_keys=False))


def system_version(os_version: str, build: str) -> bytes:
    """``SystemVersion.plist`` with the keys of its release in Apple's order."""
    first = os_version.split(".", maxsplit=1)[0]
    major = int(first) if first.isdigit() else 10
    values: dict[str, str] = {}
    if major > 10:
        values["BuildID"] = "7C1F2A4E-6B1D-11EE-A506-0242AC120002"
    values["ProductBuildVersion"] = build
    values["ProductCopyright"] = "1983-2025 Apple Inc."
    values["ProductName"] = "macOS" if major > 10 else "Mac OS X"
    values["ProductUserVisibleVersion"] = os_version
    values["ProductVersion"] = os_version
    if major > 10 or os_version.startswith("10.15"):
        values["iOSSupportVersion"] = "13.0"
    return plistlib.dumps(values, sort_keys=False)


def pcsc_ini(*, cps: str = CPS_READER, vitale: str = VITALE_READER, line_end: str = "\r\n") -> bytes:
    """``galss.ini`` in PC/SC form for a reader with two slots, as integrators write it, with a Latin-1 comment."""
    lines = [
        "; Lecteur bi-fente configuré à l'installation",
        "[CONFIG]",
        "NbCanaux=2",
        "[PROTOCOLE0]",
        "NomLib=pssinosx.framework",
        "[PROTOCOLE1]",
        "NomLib=pcscosx.framework",
        "Config=0",
        "NbCanaux=2",
        "Canaux=1,2",
    ]
    for channel, (reader, name) in enumerate(((cps, "CPS"), (vitale, "Vitale")), start=1):
        lines += [
            f"[CANAL{channel}]",
            "TCanal=3",
            f"Index={channel}",
            "Protocole=1",
            f"Caracteristiques={reader}",
            "NbPAD=1",
            "PAD1=0",
            "NbLAD1=1",
            "LAD11=1",
            f"NomLAD11={name}",
            "NbAlias11=1",
            f"NomAlias111=TRANSPA{channel}",
        ]
    return "".join(line + line_end for line in lines).encode("latin-1")


def io_comm_ini(line_end: str = "\r\n") -> bytes:
    """The io_comm.ini of the billing vendor."""
    lines = ("[PORTS]", "COM1=/dev/cu.usbmodem1411", "COM2=/dev/cu.printer", "[TRACES]", "Niveau=0")
    return "".join(line + line_end for line in lines).encode("latin-1")


# --- components --------------------------------------------------------------------------------------------------------------


def install_component(root: Path, component: str, version: str, *, os_version: str = "10.14.6") -> None:
    """Files, receipt and the effects of the vendor's own scripts, as a genuine installation leaves them."""
    items = component_items(component, version)
    put(root, with_parents(items))
    title = {GALSS: "GALSS", CRYPTOLIB: "Cryptolib CPS"}.get(component, "SrvSVCNAM")
    add_receipt(root, IDENTIFIERS[component], version, [*items, *attribute_members(component, version)], title=title)
    run_vendor_scripts(root, component, os_version=os_version)


def run_vendor_scripts(root: Path, component: str, *, os_version: str = "10.14.6") -> None:
    """What the postinstall scripts change on the disk, in our words: modes, and files made or deleted."""
    effects = {GALSS: _galss_effects, CRYPTOLIB: _cryptolib_effects, SRVSVCNAM: _srvsvcnam_effects}
    effects[component](root, tuple(int(part) for part in os_version.split(".")[:2]))


def _galss_effects(root: Path, _system: tuple[int, ...]) -> None:
    support = root / "Library/Application Support"
    (support / "Galss/ListSerial").unlink(missing_ok=True)
    trees = [support / "Galss", support / "santesocial/galss", root / "Library/Logs/santesocial/galss"]
    trees += [root / f"Library/Frameworks/{name}.framework" for name in _GALSS_FRAMEWORKS]
    for tree in trees:
        for path in (tree, *tree.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o777)
    for name in ("galss.ini", "io_comm.ini"):
        (root / f"Library/Preferences/{name}").chmod(0o666)


def _cryptolib_effects(root: Path, system: tuple[int, ...]) -> None:
    (root / "usr/local/lib/libcps3_pkcs11_osx.dylib").chmod(0o755)
    shutil.rmtree(root / "Library/Preferences/santesocial/CPS/tmpinstall", ignore_errors=True)
    if system >= _YOSEMITE:
        (root / "private/etc/reader.conf").unlink(missing_ok=True)
    put(
        root,
        [
            file(
                "Library/Application Support/Mozilla/PKCS11Modules/cps3.json",
                '{"name": "cps3", "description": "CPS", "type": "pkcs11", "path": "/usr/local/lib/libcps3_pkcs11_osx.dylib"}\n',
            ),
            *(file(f"{ADM}/{number}.adm", f"{number};CRYPTOLIB CPS\n", 0o666) for number in (154, 155, 157, 170, 174)),
        ],
    )


def _srvsvcnam_effects(root: Path, _system: tuple[int, ...]) -> None:
    put(
        root,
        [
            directory(ADM, 0o777),
            file(f"{ADM}/150.adm", "150;SRVSVCNAM\n", 0o666),
            file(f"{ADM}/157.adm", "157;SRVSVCNAM\n", 0o666),
            file(f"{ADM}/159.adm", "159;SRVSVCNAM\n", 0o666),
            file(f"{ADM}/produits/158.adm", "158;SRVSVCNAM\n", 0o666),
        ],
    )


# --- neighbours --------------------------------------------------------------------------------------------------------------


def _application(name: str, identifier: str, version: str) -> list[Item]:
    values = {"CFBundleIdentifier": identifier, "CFBundleShortVersionString": version, "CFBundleVersion": version}
    return [
        file(f"Applications/{name}.app/Contents/Info.plist", plistlib.dumps(values)),
        file(f"Applications/{name}.app/Contents/MacOS/{name}", f"programme {name} {version}\n".encode() * 20, 0o755),
    ]


def medistory() -> Neighbour:
    """The record and billing software of the story's doctor."""
    return Neighbour(
        identifier="com.prokov.medistory",
        version="4.8.2",
        title="MédiStory",
        items=(
            *_application("MédiStory", "com.prokov.medistory", "4.8.2"),
            file("Library/Application Support/Prokov Editions/MédiStory/fse.conf", "lecteur=GALSS\n"),
            file(
                "Library/LaunchDaemons/com.prokov.medistory.server.plist",
                put_job("com.prokov.medistory.server", "/Applications/MédiStory.app/Contents/MacOS/MédiStory"),
            ),
        ),
    )


def dmp_connect() -> Neighbour:
    """DMP Connect JS2: its own copy of MICA, the shared GALSS."""
    program = "usr/local/dmpconnectjs2/dmpconnect-js2"
    return Neighbour(
        identifier="org.icanopee.dmpcjs2",
        version="1.11.14",
        title="DMP Connect JS2",
        items=(
            *_application("DmpConnectJS2", "org.icanopee.DmpConnectJS2", "1.11.14"),
            file(program, b"dmpconnect-js2\n" * 40, 0o755),
            file("usr/local/dmpconnectjs2/assets/mica/libmica.dylib", b"libmica 4.01\n" * 40, 0o755),
            file("Library/LaunchDaemons/com.icanopee.dmpcjs2.plist", put_job("com.icanopee.dmpcjs2", f"/{program}")),
            file("Library/LaunchAgents/com.icanopee.dmpcjsmonitor2.plist", put_job("com.icanopee.dmpcjsmonitor2", f"/{program}")),
        ),
    )


def fsv() -> Neighbour:
    """SESAM-Vitale supplies, with a private working folder that nothing may ever open."""
    return Neighbour(
        identifier="fr.sesamvitale.fsv-1.40.1413.pkg",
        version="1.40.1413",
        title="FSV 1.40.14",
        items=(
            file(f"{FSV}/conf/sesam.ini", f"[COMMUN]\r\nRepertoireTravail=/{FSV_WORK}\r\n[MGC]\r\nRepertoireConfigTrace=/{FSV}/conf\r\n"),
            file(f"{FSV}/conf/log4crc.xml", "<log4c/>\n"),
            file(f"{FSV}/ssv/tables.bin", b"TABLES" * 100),
            file(f"{FSV}/ssv/libssv.dylib", b"libssv\n" * 50, 0o755),
        ),
        stray=(directory(FSV_WORK, 0o700), file(FSV_MARKER, "donnee patient fictive - ne jamais ouvrir\n", 0o600)),
    )


def mica() -> Neighbour:
    """The common card-access library."""
    return Neighbour(
        identifier="fr.sesamvitale.mica.pkg",
        version="4.01.00",
        title="MICA",
        items=(file("usr/local/lib/libmica.dylib", b"libmica 4.01\n" * 60, 0o755),),
    )


def other_vendor() -> Neighbour:
    """A product nobody lists whose receipt claims folders shared with the components."""
    return Neighbour(
        identifier="fr.exemple.teleservice",
        version="2.0",
        title="Télé-service",
        items=(
            *_application("Teleservice", "fr.exemple.teleservice", "2.0"),
            directory("Library/Application Support/santesocial/commun"),
            file(f"{ADM}/199.adm", "199;TELESERVICE\n", 0o666),
        ),
    )


def install_neighbour(root: Path, neighbour: Neighbour) -> None:
    """Files and receipt of another vendor's product."""
    put(root, with_parents(neighbour.items))
    put(root, neighbour.stray)
    add_receipt(root, neighbour.identifier, neighbour.version, neighbour.items, title=neighbour.title)


def story_neighbours() -> tuple[Neighbour, ...]:
    """Everything that lives beside the components on the story's workstation."""
    return (medistory(), dmp_connect(), fsv(), mica(), other_vendor())


# --- whole volumes -----------------------------------------------------------------------------------------------------------


def lay_out(
    folder: Path,
    *,
    os_version: str = "10.14.6",
    build: str | None = None,
    components: Mapping[str, str] | None = None,
    users: Sequence[str] = USERS,
    neighbours: Sequence[Neighbour] = (),
    hardware: str | None = None,
    rosetta: bool = False,
    configured: bool = True,
    line_end: str = "\r\n",
) -> Path:
    """A system volume of any macOS release in ``folder`` (made when missing); returns ``folder``.

    ``components``: component id → version (default: none). ``hardware``: ``x86_64``, ``arm64`` or ``None`` for a universal volume
    that does not tell. ``configured``: replace the shipped ini files by the PC/SC form of a bi-slot reader with ``line_end``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _lay_out_system(folder, os_version, build or BUILDS.get(os_version, "99A999"), hardware, rosetta=rosetta)
    for number, user in enumerate(users, start=501):
        _lay_out_home(folder, user, number)
    for neighbour in neighbours:
        install_neighbour(folder, neighbour)
    for component in COMPONENTS:
        version = (components or {}).get(component)
        if version is not None:
            install_component(folder, component, version, os_version=os_version)
    if configured and (components or {}).get(GALSS) is not None:
        configure(folder, line_end=line_end)
    if SRVSVCNAM in (components or {}):
        for user in users:
            _add_native_hosts(folder, user)
    return folder


def lay_out_mojave(folder: Path, *, line_end: str = "\r\n", neighbours: Sequence[Neighbour] | None = None) -> Path:
    """The story's workstation before the accident: Mojave 10.14.6 with the set of ATSAM 4.41, MédiStory and DMP Connect beside it."""
    return lay_out(
        folder,
        os_version="10.14.6",
        components=ATSAM_VERSIONS["4.41"],
        neighbours=story_neighbours() if neighbours is None else neighbours,
        hardware="x86_64",
        line_end=line_end,
    )


def configure(root: Path, *, line_end: str = "\r\n") -> None:
    """Write the ini pair of a working bi-slot reader."""
    put(
        root,
        [
            file("Library/Preferences/galss.ini", pcsc_ini(line_end=line_end), 0o666),
            file("Library/Preferences/io_comm.ini", io_comm_ini(line_end), 0o666),
        ],
    )


def _lay_out_system(root: Path, os_version: str, build: str, hardware: str | None, *, rosetta: bool) -> None:
    items = [
        file(SYSTEM_VERSION, system_version(os_version, build)),
        directory("Applications", 0o775),
        directory("Library/Application Support"),
        directory("Library/Frameworks"),
        directory("Library/LaunchAgents"),
        directory("Library/LaunchDaemons"),
        directory("Library/Logs"),
        directory("Library/PreferencePanes"),
        directory("Library/Preferences"),
        directory("Library/Receipts"),
        directory("Users/Shared", 0o777),
        file("Users/.localized", b""),
        directory("private/etc"),
        directory("private/tmp", 0o777),
        directory(RECEIPTS),
        directory("usr/local/lib"),
        symlink("etc", "private/etc"),
        symlink("tmp", "private/tmp"),
        symlink("var", "private/var"),
    ]
    for architecture, cache in (("x86_64", "dyld_shared_cache_x86_64h"), ("arm64", "dyld_shared_cache_arm64e")):
        if hardware in (None, architecture):
            items.append(file(f"System/Library/dyld/{cache}", b"dyld_v1"))
    if rosetta:
        items.append(file("Library/Apple/usr/share/rosetta/rosetta", b"rosetta", 0o755))
    put(root, items)


def _lay_out_home(root: Path, user: str, uid: int) -> None:
    """One home; it belongs to its user only when the volume is laid out as root, as nobody else may give things away."""
    home = f"Users/{user}"
    put(
        root,
        [
            directory(home),
            directory(f"{home}/Library/LaunchAgents"),
            file(f"{home}/Library/Preferences/com.apple.finder.plist", plistlib.dumps({"uid": uid})),
            file(f"{home}/{PROFILE}/prefs.js", 'user_pref("browser.startup.homepage", "https://espacepro.example/");\n', 0o600),
            file(f"{home}/{PROFILE}/pkcs11.txt", "library=/usr/local/lib/libcps3_pkcs11_osx.dylib\nname=CPS\n", 0o600),
        ],
    )
    if os.geteuid() == 0:
        os.chown(root / home, uid, STAFF)


def _add_native_hosts(root: Path, user: str) -> None:
    name = "fr.sesamvitale.srvsvcnam_native_messaging_host.json"
    for browser in ("Google/Chrome", "Mozilla"):
        put(root, [file(f"Users/{user}/Library/Application Support/{browser}/NativeMessagingHosts/{name}", '{"name": "srvsvcnam"}\n')])
