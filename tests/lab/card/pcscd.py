"""A private PC/SC daemon: the distribution's own pcscd on a socket, a reader configuration and TCP ports of its own.

The daemon's socket path is compiled in, so it is handed a listening socket the way systemd does (``LISTEN_FDS``). It dies with the test
process (``PR_SET_PDEATHSIG``), even when that one is killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

PCSCD: Final = Path("/usr/sbin/pcscd")
DRIVER: Final = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")

# LISTEN_PID must be the daemon's own process id: the launcher sets it, then becomes the daemon.
_LAUNCHER: Final = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); os.dup2(int(sys.argv[1]), 3, inheritable=True); "
    "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1'); os.execv(sys.argv[2], sys.argv[2:])"
)


def _free_pair(taken: Sequence[int]) -> int:
    """A port that is free together with the next one: a virtual reader has two slots on two ports."""
    for _ in range(200):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            if port >= 65535 or any(abs(port - other) < 2 for other in taken):
                continue
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise RuntimeError("no free pair of ports")


def _listening(port: int) -> bool:
    """True when something listens on ``port``; looked up without connecting, because a connection is a card put in."""
    wanted = f":{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text(encoding="ascii").splitlines():
            words = line.split()
            if words[3] == "0A" and words[1].endswith(wanted):
                return True
    return False


class PrivatePcscd:
    """One daemon with virtual readers. Each name becomes ``name 00 00`` (its ``port``) and ``name 00 01`` (the next port)."""

    def __init__(self, folder: Path, socket_path: Path, names: Sequence[str]) -> None:
        self._folder = folder
        self._socket_path = socket_path
        self._names = tuple(names)
        self.ports: list[int] = []
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until every virtual reader listens."""
        configuration = self._folder / "reader.conf.d"
        shutil.rmtree(configuration, ignore_errors=True)
        configuration.mkdir(parents=True)
        self.ports = []
        for number, name in enumerate(self._names):
            port = _free_pair(self.ports)
            self.ports.append(port)
            # vpcd keeps its sockets in globals: two devices that share the driver file would show each other's cards.
            driver = self._folder / f"libifdvpcd{number}.so"
            shutil.copyfile(DRIVER, driver)
            (configuration / f"reader{number}").write_text(
                f'FRIENDLYNAME "{name}"\nDEVICENAME /dev/null:0x{port:X}\nLIBPATH {driver}\nCHANNELID 0x{port:X}\n', encoding="utf-8"
            )
        self._socket_path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener, (self._folder / "pcscd.log").open("wb") as log:
            listener.bind(str(self._socket_path))
            listener.listen(16)
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-I",
                    "-S",
                    "-c",
                    _LAUNCHER,
                    str(listener.fileno()),
                    str(PCSCD),
                    "--foreground",
                    "--config",
                    str(configuration),
                ],
                pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait()

    def _wait(self) -> None:
        process = self.process
        assert process is not None
        limit = time.monotonic() + 10
        settled = time.monotonic() + 0.15
        while time.monotonic() < limit:
            if process.poll() is not None:
                raise RuntimeError(f"pcscd ended with {process.returncode}: {(self._folder / 'pcscd.log').read_text(errors='replace')}")
            if self.ports and all(_listening(port) and _listening(port + 1) for port in self.ports):
                return
            if not self.ports and time.monotonic() > settled:
                return
            time.sleep(0.005)
        self.stop()
        raise RuntimeError("pcscd is not ready")

    def kill(self) -> None:
        """End it the hard way, as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it and remove its socket."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            if self.process.poll() is None:
                os.kill(self.process.pid, number)
                try:
                    self.process.wait(5)
                except subprocess.TimeoutExpired:
                    self.process.kill()
                    self.process.wait(5)
            self.process = None
        self._socket_path.unlink(missing_ok=True)
