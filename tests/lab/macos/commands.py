"""Executables named like Apple's that act on a laboratory Mac. Their words are those of the recorded outputs, which tests hold them to.

``answer`` is what a command says; ``main`` is the body of the executable files that ``install_commands`` writes.
"""

from __future__ import annotations

import contextlib
import json
import os
import plistlib
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lab.macos.jobs import launchctl
from lab.macos.keychain import security
from lab.macos.state import HASH_OF_BOTH, Answer, Hanging, Lab, plist_text, short

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LOCAL_SUFFIX: Final = (10, 15)
GROUP_HEADER: Final = (14,)


# --- system ------------------------------------------------------------------------------------------------------------------


def sw_vers(lab: Lab, argv: Sequence[str], _stdin: bytes) -> None:
    """One tab on old releases, two on recent ones, an extra line after a rapid security response."""
    state = lab.state
    if list(argv) in (["-productVersion"], ["--productVersion"]):
        raise Answer(out=f"{state['version']}\n")
    gap = "\t" if lab.release < (14,) else "\t\t"
    name = "Mac OS X" if lab.release < (11,) else "macOS"
    extra = f"ProductVersionExtra:{gap}{state['extra']}\n" if state["extra"] else ""
    raise Answer(out=f"ProductName:{gap}{name}\nProductVersion:{gap}{state['version']}\n{extra}BuildVersion:{gap}{state['build']}\n")


def sysctl(lab: Lab, argv: Sequence[str], _stdin: bytes) -> None:
    """``hw.optional.arm64`` exists on Apple silicon only."""
    key = argv[-1]
    if key == "hw.optional.arm64" and lab.state["arm"]:
        raise Answer(out="1\n")
    if key == "kern.osproductversion":
        raise Answer(out=f"{lab.state['started'] or lab.state['version']}\n")
    raise Answer(1, err=f"sysctl: unknown oid '{key}'\n")


def arch(lab: Lab, argv: Sequence[str], _stdin: bytes) -> None:
    """Starts an Intel program, or cannot."""
    if "-x86_64" in argv and lab.state["arm"] and not lab.state["rosetta"]:
        raise Answer(1, err=f"arch: posix_spawnp: {argv[-1]}: Bad CPU type in executable\n")
    raise Answer


def csrutil(lab: Lab, _argv: Sequence[str], _stdin: bytes) -> None:
    raise Answer(out=f"System Integrity Protection status: {lab.state['protection']}.\n")


def spctl(lab: Lab, _argv: Sequence[str], _stdin: bytes) -> None:
    raise Answer(out="assessments enabled\n") if lab.state["gatekeeper"] else Answer(1, "assessments disabled\n")


def pmset(lab: Lab, _argv: Sequence[str], _stdin: bytes) -> None:
    charge = lab.state["battery"]
    if charge is None:
        raise Answer(out="Now drawing from 'AC Power'\n")
    raise Answer(
        out=f"Now drawing from 'Battery Power'\n -InternalBattery-0 (id=22806627)\t{charge}%; discharging; 2:35 remaining present: true\n"
    )


def fdesetup(lab: Lab, _argv: Sequence[str], _stdin: bytes) -> None:
    percent = lab.state["encryption"]
    more = "" if percent is None else f"Encryption in progress: Percent completed = {percent}\n"
    raise Answer(out=f"FileVault is On.\n{more}")


def diskutil(lab: Lab, argv: Sequence[str], _stdin: bytes) -> None:
    """``info -plist /``: the sealed root says that it has no room, its container tells the truth."""
    if argv[-1] != "/":
        error = {"Error": True, "ErrorMessage": f"Could not find disk: {argv[-1]}", "ExitCode": 1}
        raise Answer(1, plist_text(error))
    room = os.statvfs(lab.volume)
    free, total = room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize
    sealed = lab.release >= (11,)
    info: dict[str, object] = {"APFSContainerFree": free, "APFSContainerSize": total, "FilesystemType": "apfs"}
    info |= {"FreeSpace": 0 if sealed else free, "TotalSize": total, "WritableVolume": not sealed}
    raise Answer(out=plist_text(info | ({"Sealed": "Yes"} if sealed else {})))


def tmutil(lab: Lab, argv: Sequence[str], _stdin: bytes) -> None:
    """Local snapshots of APFS; the NOTE may stand before or after, or not at all."""
    state = lab.state
    if argv[0] == "localsnapshot":
        if lab.wrong("tmutil") == "fails":
            raise Answer(73, err="Failed to create local snapshot\n")
        date = time.strftime("%Y-%m-%d-%H%M%S", time.gmtime())
        state["snapshots"].append(date)
        note = "NOTE: local snapshots are considered purgeable and may be removed at any time by deleted(8).\n"
        raise Answer(out=f"{note}Created local snapshot with date: {date}\n")
    suffix = ".local" if lab.release >= LOCAL_SUFFIX else ""
    header = "Snapshots for volume group containing disk /:\n" if lab.release >= GROUP_HEADER else "Snapshots for disk /:\n"
    lines = "".join(f"com.apple.TimeMachine.{date}{suffix}\n" for date in state["snapshots"])
    raise Answer(out=(header if lab.release >= LOCAL_SUFFIX else "") + lines)


def softwareupdate(_lab: Lab, _argv: Sequence[str], _stdin: bytes) -> None:
    raise Answer(out="Software Update Tool\n\nFinding available software\n", err="No new software available.\n")


# --- people and processes ----------------------------------------------------------------------------------------------------


def _alive(process: dict[str, object]) -> bool:
    real = process.get("real")
    return not isinstance(real, int) or (Path(f"/proc/{real}").exists() and "Z" not in Path(f"/proc/{real}/stat").read_text().split()[2])


def _guests(lab: Lab) -> dict[int, tuple[int, str]]:
    """Vendors' uninstallers are really started: those of this Mac among the machine's own processes, as number → group and command line."""
    marker = f"{lab.host('/Library/Application Support/atsam-safe/run/staging')}/"
    found: dict[int, tuple[int, str]] = {}
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if folder.name.isdigit() and marker in line:
                found[int(folder.name)] = (os.getpgid(int(folder.name)), line)
    return found


def ps(lab: Lab, argv: Sequence[str], _stdin: bytes) -> None:
    lab.state["processes"] = [process for process in lab.state["processes"] if _alive(process)]
    if "args" in argv[-1]:
        lines = {one["pid"]: " ".join([one["path"], *one.get("arguments", ())]) for one in lab.state["processes"]}
        listed = {pid: (pid, line) for pid, line in lines.items()} | _guests(lab)
        raise Answer(out="".join(f"{pid:5d} {group:5d} {line}\n" for pid, (group, line) in sorted(listed.items())))
    rows = (f"{one['pid']:5d} {one['ppid']:5d} {one['user']:<16} {one['path']}\n" for one in lab.state["processes"])
    raise Answer(out="".join(rows))


def kill(lab: Lab, argv: Sequence[str], _stdin: bytes) -> None:
    """A deaf process ignores the polite signal, an immortal one both."""
    pid = int(argv[1])
    found = [process for process in lab.state["processes"] if process["pid"] == pid]
    if not found and pid in _guests(lab):
        os.kill(pid, signal.SIGKILL)
        raise Answer
    if not found:
        raise Answer(1, err=f"kill: {pid}: No such process\n")
    deaf = lab.wrong("kill")
    if not (deaf == "immortal" or (deaf == "deaf" and argv[0] == "-TERM")):
        lab.state["processes"].remove(found[0])
    raise Answer


def dscl(lab: Lab, argv: Sequence[str], _stdin: bytes) -> None:
    users = lab.state["users"]
    if argv[1] == "-list":
        everybody = {"_spotlight": 89, "daemon": 1, "nobody": -2, "root": 0, **users}
        # Names of accounts have no blanks on a Mac: the long name has them.
        raise Answer(out="".join(f"{short(name):<24} {uid}\n" for name, uid in everybody.items()))
    wanted = argv[2].rsplit("/", 1)[-1]
    for name in users:
        if short(name) == wanted:
            home = f"/Users/{name}"
            raise Answer(out=f"NFSHomeDirectory:\n {home}\n" if " " in home else f"NFSHomeDirectory: {home}\n")
    raise Answer(56, err="<dscl_cmd> DS Error: -14136 (eDSRecordNotFound)\n")


def scutil(lab: Lab, _argv: Sequence[str], stdin: bytes) -> None:
    console = lab.state["console"]
    if b"ConsoleUser" not in stdin or console is None:
        raise Answer(out="  No such key\n")
    uid = lab.state["users"].get(console, 501)
    raise Answer(
        out=f"<dictionary> {{\n  GID : 20\n  Name : {short(console)}\n  SessionInfo : <array> {{\n    0 : <dictionary> {{\n"
        f"      kCGSSessionOnConsoleKey : TRUE\n      kCGSSessionUserIDKey : {uid}\n"
        f"      kCGSSessionUserNameKey : {short(console)}\n      kCGSessionLoginDoneKey : TRUE\n    }}\n  }}\n  UID : {uid}\n}}\n"
    )


def asuser(lab: Lab, argv: Sequence[str], stdin: bytes) -> None:
    """``launchctl asuser UID sudo -n -u #UID COMMAND …``: in that person's session and as that person; other commands of launchd."""
    if argv[0] != "asuser":
        launchctl(lab, argv, stdin)
    uid, sudo, _n, _u, identity, command, *rest = argv[1:]
    if sudo != "/usr/bin/sudo" or identity != f"#{uid}" or f"gui/{uid}" != f"gui/{lab.state['users'].get(lab.state['console'])}":
        raise Answer(1, err="Could not switch to audit session\n")
    lab.asked_by = int(uid)
    COMMANDS[command](lab, rest, stdin)


def _sudo(_lab: Lab, _argv: Sequence[str], _stdin: bytes) -> None:
    raise Answer(1, err="sudo: a password is required\n")


def pluginkit(lab: Lab, _argv: Sequence[str], _stdin: bytes) -> None:
    """What is registered is registered for a person: the administrator alone sees nothing."""
    if lab.asked_by is None and lab.state["elevated"]:
        raise Answer
    raise Answer(out="".join(f"{mark}    {name}({version})\n" for mark, name, version in lab.state["extensions"]))


def system_profiler(lab: Lab, argv: Sequence[str], _stdin: bytes) -> None:
    if "-json" in argv and lab.release < (10, 15):
        raise Answer(1, err="system_profiler: illegal option -- j\n")
    readers = {f"#{number:02d}": text for number, text in enumerate(lab.state["readers"], 1)}
    drivers = {f"#{number:02d}": text for number, text in enumerate(lab.state["drivers"], 1)}
    sections = [{"_name": "READERS", **readers}, {"_name": "READERS_DRIVERS", **drivers}]
    raise Answer(out=json.dumps({"SPSmartCardsDataType": sections}, indent=2) + "\n")


# --- receipts and the installer ----------------------------------------------------------------------------------------------


def _receipt(lab: Lab, identifier: str) -> dict[str, object] | None:
    file = lab.host(f"/private/var/db/receipts/{identifier}.plist")
    if file.is_file():
        value: dict[str, object] = plistlib.loads(file.read_bytes())
        return value
    return next((ghost for ghost in lab.state["ghosts"] if ghost["PackageIdentifier"] == identifier), None)


def pkgutil(lab: Lab, argv: Sequence[str], _stdin: bytes) -> None:
    verb, _, pattern = argv[0].partition("=")
    if verb in {"--pkgs", "--pkgs-plist"}:
        names = sorted(file.name.removesuffix(".plist") for file in lab.host("/private/var/db/receipts").glob("*.plist"))
        names = [name for name in names if not pattern or pattern in name]
        raise Answer(out=plist_text(names) if verb == "--pkgs-plist" else "".join(f"{name}\n" for name in names))
    if verb == "--check-signature":
        _check_signature(lab, argv[1])
    identifier = argv[1]
    receipt = _receipt(lab, identifier)
    if receipt is None:
        raise Answer(1, err=f"No receipt for '{identifier}' found at '/'.\n")
    if verb == "--forget":
        _forget(lab, identifier, receipt)
    if verb == "--files":
        raise Answer(out="Library\n")
    when = receipt["InstallDate"]
    seconds = int(when.timestamp()) if hasattr(when, "timestamp") else 0
    location = str(receipt["InstallPrefixPath"])
    if verb == "--pkg-info":
        version = receipt["PackageVersion"]
        lines = (f"package-id: {identifier}", f"version: {version}", "volume: /", f"location: {location}", f"install-time: {seconds}")
        raise Answer(out="".join(f"{line}\n" for line in lines))
    info = {"install-location": location, "install-time": seconds, "pkg-version": receipt["PackageVersion"], "pkgid": identifier}
    raise Answer(out=plist_text({**info, "receipt-plist-version": 1.0, "volume": "/"}))


def _check_signature(lab: Lab, package: str) -> None:
    """The layouts of 10.14 and of later releases; ``expired``, ``untrusted`` and ``unsigned`` on request."""
    if not Path(package).is_file():
        raise Answer(1, err=f"Error: {package} does not exist.\n")
    words, status = {
        "expired": ("signed by a certificate that has since expired", 1),
        "untrusted": ("signed by untrusted certificate", 1),
        "unsigned": ("no signature", 1),
    }.get(lab.wrong("pkgutil"), ("signed by a developer certificate issued by Apple for distribution", 0))
    head = f'Package "{package.rpartition("/")[2]}":\n   Status: {words}\n'
    if words == "no signature":
        raise Answer(status, head)
    later = lab.release >= HASH_OF_BOTH
    notarized = "   Notarization: trusted by the Apple notary service\n" if later and status == 0 else ""
    raise Answer(status, f"{head}{notarized}   Certificate Chain:\n    1. Developer ID Installer: Lab (LAB1234567)\n")


def _forget(lab: Lab, identifier: str, receipt: dict[str, object]) -> None:
    """Prints success, also when it lies (``forget-lies``: the files stay) or when the database never lets go (``stuck``)."""
    wrong = lab.wrong("pkgutil")
    if wrong == "stuck":
        lab.state["ghosts"].append({key: value if isinstance(value, str) else str(value) for key, value in receipt.items()})
    if wrong != "forget-lies":
        for kind in ("plist", "bom"):
            lab.host(f"/private/var/db/receipts/{identifier}.{kind}").unlink(missing_ok=True)
    raise Answer(out=f"Forgot package '{identifier}' on '/'.\n")


def installer(lab: Lab, argv: Sequence[str], stdin: bytes) -> None:
    from lab.macos.installing import install  # noqa: PLC0415 - needs the whole engine; no other command does

    install(lab, argv, stdin)


COMMANDS: Final[dict[str, Callable[[Lab, Sequence[str], bytes], None]]] = {
    "/usr/bin/sw_vers": sw_vers,
    "/usr/sbin/sysctl": sysctl,
    "/usr/bin/arch": arch,
    "/usr/bin/csrutil": csrutil,
    "/usr/sbin/spctl": spctl,
    "/usr/bin/pmset": pmset,
    "/usr/bin/fdesetup": fdesetup,
    "/usr/sbin/diskutil": diskutil,
    "/usr/bin/tmutil": tmutil,
    "/usr/sbin/softwareupdate": softwareupdate,
    "/bin/ps": ps,
    "/bin/kill": kill,
    "/usr/bin/dscl": dscl,
    "/usr/sbin/scutil": scutil,
    "/bin/launchctl": asuser,
    "/usr/bin/sudo": _sudo,
    "/usr/bin/security": security,
    "/usr/bin/pluginkit": pluginkit,
    "/usr/sbin/system_profiler": system_profiler,
    "/usr/sbin/pkgutil": pkgutil,
    "/usr/sbin/installer": installer,
}
# They take their time, as the genuine one does, and other commands are asked meanwhile.
UNLOCKED: Final = frozenset({"/usr/sbin/installer"})


def answer(lab: Lab, command: str, argv: Sequence[str], stdin: bytes = b"") -> Answer:
    """What ``command`` answers; raises ``Hanging`` when it would never end."""
    lab.asked_by = None
    with lab.opened() as state:
        state["log"].append([command, *argv])
        if state["misbehave"].get(command) == "hang":
            raise Hanging
        if command not in UNLOCKED:
            try:
                COMMANDS[command](lab, argv, stdin)
            except Answer as end:
                return end
    try:
        COMMANDS[command](lab, argv, stdin)
    except Answer as end:
        return end
    return Answer()


def main(folder: str, command: str) -> None:
    """The body of one executable file."""
    if command in UNLOCKED:
        Lab(Path(folder)).set(home_told=os.environ.get("HOME"))
    try:
        ended = answer(Lab(Path(folder)), command, sys.argv[1:], sys.stdin.buffer.read())
    except Hanging:
        time.sleep(600)
        return
    sys.stdout.buffer.write(ended.out)
    sys.stderr.buffer.write(ended.err)
    sys.stdout.flush()
    raise SystemExit(ended.status)


def install_commands(lab: Lab, python: str) -> None:
    """Write the executables. ``python`` must have what the program itself needs only for the installer."""
    here = Path(__file__).resolve().parents[2]
    quick = getattr(sys, "_base_executable", python)
    for command in COMMANDS:
        file = lab.commands / command.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        heavy = command in UNLOCKED
        paths = [str(here), str(here.parent / "src")] if heavy else [str(here)]
        head = f"#!{python}\n" if heavy else f"#!{quick} -SE\n"
        body = f"import sys\nsys.path[:0] = {paths!r}\nfrom lab.macos.commands import main\nmain({str(lab.folder)!r}, {command!r})\n"
        file.write_text(head + body)
        file.chmod(0o755)
