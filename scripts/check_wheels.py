"""Prove that every machine the program is meant for gets it without a compiler.

Resolves the runtime dependencies of ``pyproject.toml`` to ready wheels for each Python and each kind of machine in ``MACHINES``, with
pip's own resolver, and for macOS 10.14 holds the answer against ``requirements/macos-10.14.txt``. Nothing is installed.

pip evaluates the markers of requirements ("; sys_platform == 'win32'") for the interpreter it runs under, whatever ``--platform`` says.
So the markers are evaluated here, for the machine in question: what a package asks for there and pip did not see is added, and pip asked
again, until nothing is missing.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from plumbum import ProcessExecutionError, local

PROJECT: Final = Path(__file__).resolve().parent.parent
MOJAVE_PINS: Final = PROJECT / "requirements/macos-10.14.txt"
STAMP: Final = PROJECT / ".venv/.wheels-stamp"
PYTHONS: Final = ("3.11", "3.12", "3.13")
TIMEOUT_SECONDS: Final = 300
ROUNDS: Final = 5
WORKERS: Final = 2


class Machine(NamedTuple):
    """A kind of machine: wheel platform tags and the values of the environment markers there."""

    name: str
    platforms: tuple[str, ...]
    markers: dict[str, str]


class Unresolved(Exception):  # noqa: N818 - what pip calls it
    """pip found no set of ready wheels; holds its last words."""


MACOS: Final = {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"}
MOJAVE: Final = Machine(
    "macOS 10.14 x86_64", ("macosx_10_14_x86_64",), {**MACOS, "platform_machine": "x86_64", "platform_release": "18.7.0"}
)
MACHINES: Final = (
    MOJAVE,
    Machine("macOS 11 arm64", ("macosx_11_0_arm64",), {**MACOS, "platform_machine": "arm64", "platform_release": "20.6.0"}),
    Machine(
        "Windows amd64",
        ("win_amd64",),
        {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64", "platform_release": "10"},
    ),
)


def environment(machine: Machine, python: str) -> dict[str, str]:
    """All marker variables as an interpreter of version ``python`` on ``machine`` has them."""
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "platform_python_implementation": "CPython",
        "platform_version": "",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "extra": "",
        **machine.markers,
    }


def bare(requirement: Requirement) -> str:
    """The requirement without its marker: pip shall not evaluate it again, for the wrong machine."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}{requirement.specifier}"


def applicable(lines: list[str], marker_values: dict[str, str]) -> list[Requirement]:
    """Those of ``lines`` (requirements with markers) that hold in an environment, without any extra."""
    requirements = [Requirement(line) for line in lines]
    return [requirement for requirement in requirements if requirement.marker is None or requirement.marker.evaluate(marker_values)]


def ask_pip(requirements: list[str], machine: Machine, python: str) -> dict[str, Any]:
    """What pip would install, as its report; raises ``Unresolved``."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = ["install", "--dry-run", "--ignore-installed", "--quiet", "--no-input", "--only-binary=:all:"]
        options += [
            "--target",
            str(Path(folder) / "nothing"),
            "--report",
            str(report),
            "--implementation",
            "cp",
            "--python-version",
            python,
        ]
        for platform in machine.platforms:
            options += ["--platform", platform]
        try:
            local[sys.executable].run(["-m", "pip", *options, *requirements], timeout=TIMEOUT_SECONDS)
        except ProcessExecutionError as error:
            raise Unresolved(str(error.stderr).strip()) from error
        answer: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return answer


def resolve(lines: list[str], machine: Machine, python: str) -> dict[str, str]:
    """Version by package name for a set of requirements on a machine; raises ``Unresolved``."""
    marker_values = environment(machine, python)
    wanted = {bare(requirement) for requirement in applicable(lines, marker_values)}
    for _round in range(ROUNDS):
        answer = ask_pip(sorted(wanted), machine, python)
        metadata = [item["metadata"] for item in answer["install"]]
        versions: dict[str, str] = {canonicalize_name(item["name"]): item["version"] for item in metadata}
        unseen = {
            bare(requirement)
            for item in metadata
            for requirement in applicable(item.get("requires_dist", []), marker_values)
            if canonicalize_name(requirement.name) not in versions
        }
        if not unseen:
            return versions
        wanted |= unseen
    raise Unresolved(f"still missing after {ROUNDS} rounds: {sorted(unseen)}")


def pins(path: Path, marker_values: dict[str, str]) -> dict[str, str]:
    """Version by package name of a file of exact pins, for one environment."""
    lines = [line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    found = applicable([line for line in lines if line], marker_values)
    return {canonicalize_name(requirement.name): str(next(iter(requirement.specifier)).version) for requirement in found}


def differences(pinned: dict[str, str], resolved: dict[str, str]) -> list[str]:
    """What a file of pins says otherwise than the newest possible set; empty when they agree."""
    found = []
    for name in sorted(pinned.keys() | resolved.keys()):
        have, possible = pinned.get(name), resolved.get(name)
        if have is None:
            found.append(f"{name} {possible} is needed and not pinned")
        elif possible is None:
            found.append(f"{name} {have} is pinned and not needed")
        elif Version(have) != Version(possible):
            found.append(f"{name}: pinned {have}, newest possible {possible}")
    return found


def dependencies() -> list[str]:
    """The runtime dependencies a user gets, as pyproject.toml states them."""
    with (PROJECT / "pyproject.toml").open("rb") as stream:
        lines: list[str] = tomllib.load(stream)["project"]["dependencies"]
    return lines


def fingerprint() -> str:
    """Changes with everything that this check depends on but the registry itself."""
    parts = [*dependencies(), MOJAVE_PINS.read_text(encoding="utf-8"), Path(__file__).read_text(encoding="utf-8")]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def check_mojave(python: str, newest: dict[str, str] | None) -> list[str]:
    """Failures of the exact set of macOS 10.14; a set that is only older than possible is a remark, not a failure."""
    name = f"{MOJAVE_PINS.name} with Python {python}"
    pinned = pins(MOJAVE_PINS, environment(MOJAVE, python))
    try:
        resolved = resolve([f"{package}=={version}" for package, version in pinned.items()], MOJAVE, python)
    except Unresolved as error:
        return [f"{name}: {error}"]
    for line in differences(pinned, newest) if newest else []:
        print(f"remark  {name}: {line}")
    return [f"{name}: {line}" for line in differences(pinned, resolved)]


def check_machine(machine: Machine, python: str) -> list[str]:
    """Failures of one kind of machine with one Python."""
    try:
        versions = resolve(dependencies(), machine, python)
    except Unresolved as error:
        return [f"{machine.name}, Python {python}: {error}"]
    shown = ", ".join(f"{name} {versions[name]}" for name in ("cryptography", "msgspec", "pyscard") if name in versions)
    print(f"ok      {machine.name}, Python {python}: {len(versions)} wheels ({shown})")
    return check_mojave(python, versions) if machine is MOJAVE else []


def main() -> int:
    """Resolve everything; 0 when every machine gets ready wheels."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--quick", action="store_true", help="do nothing when the requirements are those of the last success in this checkout"
    )
    quick: bool = parser.parse_args().quick
    current = fingerprint()
    if quick and STAMP.is_file() and STAMP.read_text(encoding="utf-8").strip() == current:
        print("unchanged since the last success")
        return 0
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:  # each one waits for a pip of its own
        found = pool.map(lambda pair: check_machine(*pair), itertools.product(MACHINES, PYTHONS))
    failures = [failure for each in found for failure in each]
    for failure in failures:
        print(f"FAILED  {failure}")
    if not failures:
        STAMP.write_text(current + "\n", encoding="utf-8")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
