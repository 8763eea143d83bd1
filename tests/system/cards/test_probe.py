from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atsam_safe.cards.probe import _binding_folder, _classified, probe
from atsam_safe.cards.shown import probe_problem
from lab.card.modules import OPENSC, SOFTHSM, compile_module, spoilt
from lab.card.requests import middleware_rule

from .conftest import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from atsam_safe.cards.probe import ProbeResult

PROJECT = Path(__file__).resolve().parents[3]


def finding(result: ProbeResult) -> str:
    """The reference of the finding that the ladder makes of a result; empty when it is none."""
    problem = probe_problem(result, middleware_rule())
    return "" if problem is None else problem.ref


@pytest.mark.parametrize(
    ("behaviour", "status", "stage", "detail", "ref"),
    [
        ("CRASH_ON_LOAD", "crashed", "load", "SIGSEGV", "middleware.crashed"),
        ("CRASH_ON_LIST", "crashed", "start", "SIGSEGV", "middleware.crashed"),
        ("CRASH_ON_START", "crashed", "start", "SIGSEGV", "middleware.crashed"),
        ("CRASH_ON_INFORMATION", "crashed", "start", "SIGSEGV", "middleware.crashed"),
        ("CRASH_AT_THE_END", "ok", "slots", "", ""),
        ("ABORT_ON_START", "crashed", "start", "SIGABRT", "middleware.crashed"),
        ("EXIT_ON_START", "ended", "start", "0", "middleware.ended"),
        ("EXIT_SEVEN_ON_START", "ended", "start", "7", "middleware.ended"),
        ("REFUSE_TO_START", "failed", "start", "DeviceError", "middleware.failed"),
        ("FORGE_THE_ANSWER", "bad-answer", "begin", "", "middleware.bad-answer"),
        ("CLOSES_DESCRIPTORS", "ended", "start", "1", "middleware.ended"),
        ("HUGE_LIST", "failed", "slots", "MemoryError", "middleware.failed"),
        ("LATIN_1", "ok", "slots", "", ""),
        ("LEAVES_A_THREAD", "ok", "slots", "", ""),
        ("READS_INPUT", "ok", "slots", "", ""),
        ("WELL_BEHAVED", "ok", "slots", "", ""),
    ],
)
def test_whatever_a_module_does_becomes_a_value_and_a_finding(
    build: Callable[..., Path], behaviour: str, status: str, stage: str, detail: str, ref: str
) -> None:
    result = probe(str(build(behaviour)))
    assert (result.status, result.stage, result.detail, finding(result)) == (status, stage, detail, ref)


@pytest.mark.parametrize(("behaviour", "stage"), [("HANG_ON_START", "start"), ("HANG_ON_SLOTS", "slots"), ("MASKS_SIGNALS", "start")])
def test_a_module_that_hangs_meets_the_limit(build: Callable[..., Path], behaviour: str, stage: str) -> None:
    started = time.monotonic()
    result = probe(str(build(behaviour)), seconds=1)
    assert (result.status, result.stage, finding(result)) == ("hung", stage, "middleware.hung")
    assert time.monotonic() - started < 2


def test_what_a_module_prints_is_noticed_and_not_kept(build: Callable[..., Path]) -> None:
    result = probe(str(build("NOISE")))
    assert (result.status, result.noise, result.version) == ("ok", True, "1.7")
    assert "porteur" not in repr(result)


def test_a_flood_of_output_ends(build: Callable[..., Path]) -> None:
    assert probe(str(build("FLOOD")), seconds=1).status in {"hung", "crashed"}


def processes_of(module: Path) -> list[int]:
    """Every process whose command line names ``module``."""
    found: list[int] = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                if str(module).encode() in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
    return found


def held() -> tuple[int, int]:
    """How many descriptors and threads this process has."""
    return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()


@pytest.mark.parametrize("behaviour", ["LEAVES_A_CHILD", "FORKS_AND_FORKS"])
def test_processes_the_module_leaves_behind_are_ended(build: Callable[..., Path], behaviour: str) -> None:
    module = build(behaviour)
    assert probe(str(module)).status == "ok"
    until(lambda: not processes_of(module))


def test_a_process_that_left_the_session_holds_nothing_up(build: Callable[..., Path]) -> None:
    """It keeps our pipe open as long as it lives: neither the answer nor a descriptor nor a thread may wait for it."""
    module = build("LEAVES_THE_SESSION")
    before = held()
    result = probe(str(module))
    left = processes_of(module)
    try:
        assert left, "it ended too early for the test to show anything"
        assert result.status == "ok"
        assert held() == before
    finally:
        for number in left:
            os.kill(number, signal.SIGKILL)


def test_no_descriptor_and_no_thread_is_left_in_the_program(build: Callable[..., Path]) -> None:
    before = held()
    for behaviour in ("WELL_BEHAVED", "CRASH_ON_LOAD", "FLOOD_OF_ANSWERS"):
        probe(str(build(behaviour)), seconds=1)
        assert (behaviour, held()) == (behaviour, before)


_PROBE_AND_NOTHING_ELSE = """
import sys
sys.path.insert(0, sys.argv[1])
from atsam_safe.cards.probe import probe
probe(sys.argv[2], seconds=60)
"""


def test_the_child_ends_when_the_program_is_killed(build: Callable[..., Path]) -> None:
    module = build("MASKS_SIGNALS")
    with subprocess.Popen([sys.executable, "-c", _PROBE_AND_NOTHING_ELSE, str(PROJECT / "src"), str(module)]) as program:
        children = until(lambda: [pid for pid in processes_of(module) if pid != program.pid])
        program.kill()
    until(lambda: not set(children) & set(processes_of(module)))


@pytest.mark.parametrize(
    ("how", "statuses", "refusals"),
    [
        ("truncated", {"refused", "crashed"}, {"damaged", None}),
        ("empty", {"refused"}, {"damaged"}),
        ("text", {"refused"}, {"damaged"}),
        ("other-class", {"refused"}, {"wrong-architecture"}),
        ("other-machine", {"refused"}, {"wrong-architecture", "absent"}),
    ],
)
def test_a_file_that_is_no_module(tmp_path: Path, how: str, statuses: set[str], refusals: set[str | None]) -> None:
    result = probe(str(spoilt(tmp_path, how)))
    assert result.status in statuses
    assert result.refusal in refusals


def test_missing_folder_and_foreign_library(tmp_path: Path, build: Callable[..., Path]) -> None:
    assert probe(str(tmp_path / "absent.so")).refusal == "absent"
    assert probe(str(tmp_path)).status == "refused"
    assert probe("/usr/lib/x86_64-linux-gnu/libz.so.1").status == "failed"
    unresolved = build("NEEDS_WHAT_IS_NOT_THERE", flags=("-Wl,-z,now",))
    assert probe(str(unresolved)).refusal == "dependency-missing"


_REFUSE_EXECUTABLE_STACKS = """
import ctypes, json, sys
done = ctypes.CDLL(None, use_errno=True).prctl(65, 1, 0, 0, 0)
sys.path.insert(0, sys.argv[1])
from atsam_safe.cards.probe import probe
result = probe(sys.argv[2])
print(json.dumps([done, result.status, result.refusal]))
"""


def test_a_system_that_refuses_executable_stacks(tmp_path: Path) -> None:
    module = compile_module(tmp_path, "WELL_BEHAVED", flags=("-z", "execstack"))
    command = [sys.executable, "-c", _REFUSE_EXECUTABLE_STACKS, str(PROJECT / "src"), str(module)]
    output = subprocess.run(command, check=True, capture_output=True, timeout=30).stdout
    done, status, refusal = json.loads(output)
    if done != 0:
        # A kernel before 6.3 cannot be asked to refuse; what glibc says then is held against the same classification.
        assert _classified("cannot enable executable stack as shared object requires: Invalid argument") == "executable-stack"
        return
    assert (status, refusal) == ("refused", "executable-stack")


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("x.so: cannot enable executable stack as shared object requires: Invalid argument", "executable-stack"),
        ("dlopen(x.dylib, 0x0006): tried: 'x.dylib' (mach-o file, but is an incompatible architecture (have 'x86_64', need 'arm64'))",
         "wrong-architecture"),
        ("[WinError 193] %1 is not a valid Win32 application", "wrong-architecture"),
        ("[WinError 126] The specified module could not be found", "dependency-missing"),
        ("Could not find module 'C:\\x.dll' (or one of its dependencies). Try using the full path", "dependency-missing"),
        ("dlopen(x.dylib, 0x0006): Library not loaded: @rpath/y.dylib", "dependency-missing"),
        ("something new", "other"),
    ],
)  # fmt: skip
def test_what_loaders_say_is_classified(text: str, refusal: str) -> None:
    assert _classified(text) == refusal


ALLOWED_MODULES = 90
"""Counted because a clock measures the neighbours of a busy machine; the interpreter alone has about 30, the whole binding brings 150."""


def test_the_child_loads_little() -> None:
    """What a probe costs beyond the module is the start of the child, and that is its imports."""
    folder = _binding_folder()
    assert folder is not None
    command = [sys.executable, "-I", "-S", "-X", "importtime", str(PROJECT / "src/atsam_safe/cards/probe_child.py"), folder, str(SOFTHSM)]
    alive, lifeline = os.pipe()
    try:
        done = subprocess.run(command, stdin=alive, capture_output=True, text=True, timeout=30, check=True)
    finally:
        os.close(alive)
        os.close(lifeline)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert json.loads(done.stdout.splitlines()[-1])["answer"]["manufacturer"] == "SoftHSM"
    assert "pkcs11._pkcs11" in loaded
    assert not {"asn1crypto", "tempfile", "inspect", "socket", "hashlib", "site", "atsam_safe"} & loaded
    assert len(loaded) <= ALLOWED_MODULES


QUIET_START = 0.020
"""What starting the interpreter alone takes on a quiet machine; the limit grows with the load as that does."""


def test_a_probe_costs_less_than_150_ms_beyond_the_module() -> None:
    starts: list[float] = []
    beyond: list[float] = []
    for _ in range(4):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-I", "-c", "pass"], check=True)
        starts.append(time.perf_counter() - started)
        result = probe(str(SOFTHSM))
        beyond.append(result.total_seconds - result.module_seconds)
    load = max(1.0, min(starts) / QUIET_START)
    print(f"probe beyond the module: {min(beyond) * 1000:.0f} … {max(beyond) * 1000:.0f} ms at load {load:.1f}")  # noqa: T201 - the measurement
    assert min(beyond) < 0.150 * load


def test_the_module_sees_only_what_it_needs_of_the_environment(build: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", "/nonexistent/x.so")
    monkeypatch.setenv("SECRET_OF_THE_CALLER", "x")
    module = str(build("HANG_ON_START"))
    with ThreadPoolExecutor(max_workers=1) as pool:
        asked = pool.submit(probe, module, seconds=1)
        environment = until(lambda: _environment_of(module))
        asked.result()
    assert b"HOME=" in environment
    assert b"LC_ALL=C\0" in environment
    assert b"SECRET_OF_THE_CALLER" not in environment
    assert b"LD_PRELOAD" not in environment


def _environment_of(module: str) -> bytes:
    """The environment of the process that was given ``module``, as the kernel knows it."""
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and f"\0{module}\0".encode() in (folder / "cmdline").read_bytes():
                return (folder / "environ").read_bytes()
    return b""


def test_two_genuine_modules_answer() -> None:
    assert probe(str(OPENSC)).manufacturer == "OpenSC Project"
    assert probe(str(SOFTHSM)).manufacturer == "SoftHSM"
