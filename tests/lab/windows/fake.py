"""A stand-in for Windows in memory: products, services, processes and keys, and a msiexec that answers whatever a test wants.

For what Wine gets wrong: 1618, 1619, 1620, 1641, a file in use, a product that is still there although msiexec said 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from atsam_safe.workstation.commands import CommandOutcome
from atsam_safe.workstation.windows.native import RunningProgram, ServiceStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atsam_safe.workstation.windows.native import Hive, RegistryValue, Start, View


class FakeWindows:
    """``native.Native`` on plain dictionaries. ``details``: product code → detail → value."""

    def __init__(self) -> None:
        self.details: dict[str, dict[str, str]] = {}
        self.keys: dict[tuple[str, str, str], dict[str, RegistryValue]] = {
            ("HKLM", r"SOFTWARE\Microsoft\Windows NT\CurrentVersion", "64"): {
                "currentbuild": "22631",
                "productname": "Windows 10 Pro",
                "currentmajorversionnumber": 10,
                "currentminorversionnumber": 0,
                "ubr": 4037,
                "systemroot": r"C:\Windows",
            }
        }
        self.services: dict[str, ServiceStatus] = {"SCardSvr": ServiceStatus(name="SCardSvr", start="automatic", running=True)}
        self.running: list[RunningProgram] = []
        self.immortal: set[int] = set()
        self.obeys = True
        self.admin = True
        self.narrow = False
        self.busy_answers: list[bool] = []
        self.identifiers: dict[str, str] = {}

    def values(self, hive: Hive, key: str, view: View) -> dict[str, RegistryValue] | None:
        return self.keys.get((hive, key, view))

    def subkeys(self, hive: Hive, key: str, view: View) -> tuple[str, ...]:
        start = f"{key}\\"
        below = (name[len(start) :] for where, name, side in self.keys if (where, side) == (hive, view) and name.startswith(start))
        return tuple(dict.fromkeys(name.split("\\")[0] for name in below))

    def products(self) -> tuple[str, ...] | None:
        return tuple(self.details)

    def product(self, code: str, detail: str) -> str | None:
        return self.details.get(code, {}).get(detail)

    def service(self, name: str) -> ServiceStatus | None:
        return self.services.get(name)

    def _set(self, name: str, *, running: bool) -> bool:
        if self.obeys:
            self.services[name] = ServiceStatus(name=name, start=self.services[name].start, running=running)
        return self.obeys

    def start_service(self, name: str) -> bool:
        return self._set(name, running=True)

    def stop_service(self, name: str) -> bool:
        return self._set(name, running=False)

    def set_service_start(self, name: str, start: Start) -> bool:
        self.services[name] = ServiceStatus(name=name, start=start, running=self.services[name].running)
        return True

    def processes(self) -> tuple[RunningProgram, ...] | None:
        return tuple(self.running)

    def end_process(self, pid: int) -> bool:
        self.running = [one for one in self.running if one.pid != pid or pid in self.immortal]
        return True

    def installer_busy(self) -> bool | None:
        return self.busy_answers.pop(0) if self.busy_answers else False

    def redirected(self) -> bool:
        return self.narrow

    def elevated(self) -> bool:
        return self.admin

    def machine(self) -> str | None:
        return "x86_64"

    def build(self) -> tuple[str, str] | None:
        return "10.0.22631", ""

    def on_battery(self) -> bool | None:
        return False

    def session_owner(self) -> str | None:
        return "CABINET\\docteur"

    def identifier_of(self, account: str) -> str | None:
        return self.identifiers.get(account)

    def set_pending_renames(self, texts: tuple[str, ...]) -> bool:
        if self.obeys:
            self.keys["HKLM", r"SYSTEM\CurrentControlSet\Control\Session Manager", "64"] = {"pendingfilerenameoperations": texts}
        return self.obeys

    def file_version(self, path: str) -> str | None:
        del path
        return None


class FakeRunner:
    """Answers exit codes in order; ``effect`` sees each call that succeeds and may change the fake Windows. An empty list answers 0.

    ``fails``: it sees the others too.
    """

    def __init__(self, *statuses: int | None, effect: Callable[[tuple[str, ...]], None] | None = None) -> None:
        self.statuses = list(statuses)
        self.effect = effect
        self.fails = False
        self.calls: list[tuple[str, ...]] = []

    def run(
        self, argv: Sequence[str], *, limit: float, answers: bytes = b"", heartbeat: Callable[[float], None] | None = None
    ) -> CommandOutcome:
        del limit, answers, heartbeat
        self.calls.append(tuple(argv))
        status = self.statuses.pop(0) if self.statuses else 0
        if (self.fails or status in {0, 3010, 1641}) and self.effect is not None:
            self.effect(tuple(argv))
        return CommandOutcome(argv=tuple(argv), status=status, seconds=1.0)


class FamilyRunner(FakeRunner):
    """A msiexec on packages of one family that knows its rule: an older product is refused (1603) while a newer one is there.

    ``packages``: the name of a package's file → its product's code and version.
    """

    def __init__(self, windows: FakeWindows, packages: dict[str, tuple[str, str]]) -> None:
        super().__init__()
        self.windows = windows
        self.packages = packages

    def run(
        self, argv: Sequence[str], *, limit: float, answers: bytes = b"", heartbeat: Callable[[float], None] | None = None
    ) -> CommandOutcome:
        code, version = (argv[2], "") if argv[1] == "/x" else self.packages[argv[2].replace("\\", "/").rpartition("/")[2]]
        there = [told["VersionString"] for told in self.windows.details.values()]
        newer = any(_numbers(one) > _numbers(version) for one in there)
        if argv[1] == "/x":
            self.windows.details.pop(code)
        elif newer:
            self.statuses = [1603]
        else:
            self.windows.details[code] = {"VersionString": version, "InstalledProductName": f"Product {version}"}
        return super().run(argv, limit=limit, answers=answers, heartbeat=heartbeat)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(field) for field in version.split(".") if field)
