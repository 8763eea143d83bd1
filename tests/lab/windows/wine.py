"""A Windows-like system for one test run: a fresh copy of a prefix with a real Windows Python, and the program's source beside it.

Three habits of Wine shape this: its first process must not have our pipes (its servers would keep them open), its Python must not write to
plain files, and Linux sees only eight bits of an exit code.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final, Self

WINE: Final = Path("/usr/lib/wine/wine64")
PROJECT: Final = Path(__file__).resolve().parents[3]
PYTHON: Final = "C:\\py311\\python.exe"
GUEST: Final = PROJECT / "tests/lab/windows/guest.py"
NOBODY: Final = "{11111111-2222-3333-4444-555555555555}"
_PARTS: Final = ("scripts/wine-prefix", "requirements/wine.txt", "requirements/runtime.txt")


def is_here() -> bool:
    """True when everything the tests marked « wine » need is installed."""
    tools = ("wineserver", "wixl", "msibuild", "osslsigncode", "x86_64-w64-mingw32-as")
    return WINE.exists() and all(shutil.which(tool) for tool in tools)


def base_prefix() -> Path:
    """The prepared prefix, made once for its ingredients and kept in the user's cache; never used itself."""
    ingredients = b"".join((PROJECT / part).read_bytes() for part in _PARTS)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "atsam-safe-tests"
    cache.mkdir(parents=True, exist_ok=True)
    base = cache / f"wine-{hashlib.sha256(ingredients).hexdigest()[:16]}"
    with (cache / "wine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (base / ".ready").exists():
            environment = {**os.environ, "PYTHON": sys.executable}
            subprocess.run([PROJECT / "scripts/wine-prefix", base], check=True, timeout=280, env=environment, stdout=subprocess.DEVNULL)
    return base


class Answer:
    """What a command in the prefix answered."""

    def __init__(self, done: subprocess.CompletedProcess[bytes]) -> None:
        self.status = done.returncode
        self.out = done.stdout.decode("utf-8", "replace").replace("\r\n", "\n")
        self.err = done.stderr.decode("utf-8", "replace").replace("\r\n", "\n")

    @property
    def json(self) -> dict[str, Any]:
        """Standard output as one JSON object."""
        value: dict[str, Any] = json.loads(self.out)
        return value


def _copy(base: Path, target: Path) -> None:
    """A prefix of its own: programs, which nobody rewrites in place, are the same files on the disk; everything else is copied."""
    target.mkdir()
    folders = ["drive_c/windows/system32", "drive_c/windows/syswow64", "drive_c/windows/winsxs", "drive_c/py311"]
    excluded = [f"--exclude=./{folder}" for folder in folders]
    with subprocess.Popen(["/bin/tar", "-C", base, "-c", *excluded, "."], stdout=subprocess.PIPE) as taking:
        subprocess.run(["/bin/tar", "-C", target, "-x"], stdin=taking.stdout, check=True, timeout=120)
    if taking.returncode:
        raise RuntimeError(base)
    for folder in folders:
        if (base / folder).is_dir():
            linked = subprocess.run(["/bin/cp", "-al", base / folder, target / folder], capture_output=True, timeout=60, check=False)
            if linked.returncode:  # another file system: no links between the two
                subprocess.run(["/bin/cp", "-a", "--reflink=auto", base / folder, (target / folder).parent], check=True, timeout=120)


class Windows:
    """One running copy. ``drive`` is its ``C:``."""

    def __init__(self, folder: Path) -> None:
        self.prefix = folder / "prefix"
        base = base_prefix()
        self.compiled = base.with_name(f"{base.name}-compiled")
        _copy(base, self.prefix)
        self.drive = self.prefix / "drive_c"
        self._guest: subprocess.Popen[str] | None = None
        source = "Z:" + str(PROJECT / "src").replace("/", "\\")
        search = self.drive / "py311/python311._pth"
        search.unlink()  # never through the link into the prepared prefix
        search.write_bytes(f"python311.zip\r\n.\r\nsite-packages\r\n{source}\r\nimport site\r\n".encode())
        self.environment = {
            "HOME": str(folder),
            "PATH": "/usr/bin:/bin",
            "WINEPREFIX": str(self.prefix),
            "WINEARCH": "win64",
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree=;mshtml=;winemenubuilder.exe=d;certutil.exe=n",
        }
        self._keeper = subprocess.Popen(
            [WINE, "cmd", "/q", "/k"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment
        )
        # Starts Wine's services with nothing of ours open; after this a command takes a tenth of a second.
        self._quiet("msiexec", "/x", NOBODY, "/qn")

    def _quiet(self, *command: str) -> None:
        nothing = subprocess.DEVNULL
        subprocess.run([WINE, *command], stdin=nothing, stdout=nothing, stderr=nothing, env=self.environment, timeout=120, check=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._guest is not None:
            self._guest.kill()
            self._guest.communicate()
            self._guest = None
        if self._keeper.stdin is not None:
            self._keeper.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._keeper.wait(5)
        subprocess.run(["/usr/bin/wineserver", "-k"], env=self.environment, timeout=30, check=False)
        self._keeper.kill()
        self._keeper.wait()
        shutil.rmtree(self.prefix, ignore_errors=True)

    def python_command(self, *arguments: str) -> list[str | Path]:
        """The Windows Python with its compiled modules kept beside the prepared prefix, for every copy of it."""
        return [WINE, PYTHON, "-X", "utf8", "-X", f"pycache_prefix={self.path(self.compiled)}", *arguments]

    def python(self, *arguments: str, limit: float = 120) -> Answer:
        """Run the Windows Python."""
        done = subprocess.run(
            self.python_command(*arguments),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=self.environment,
            timeout=limit,
            check=False,
        )
        return Answer(done)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start the Windows Python without waiting."""
        nothing = subprocess.DEVNULL
        return subprocess.Popen(self.python_command(*arguments), stdin=nothing, stdout=nothing, stderr=nothing, env=self.environment)

    def ask(self, limit: float = 120, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        """Put one request to the process that lives inside (``lab/windows/guest.py``); its answer."""
        if self._guest is None:
            pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
            command = self.python_command(self.path(GUEST))
            self._guest = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nothing, env=self.environment, text=True)
        guest = self._guest
        assert guest.stdin is not None
        assert guest.stdout is not None
        guest.stdin.write(json.dumps(request) + "\n")
        guest.stdin.flush()
        watch = threading.Timer(limit, guest.kill)
        watch.start()
        try:
            line = guest.stdout.readline()
        finally:
            watch.cancel()
        if not line:
            self._guest = None
            raise RuntimeError(f"the Windows Python ended while it was asked {str(request)[:200]}")
        answer: dict[str, Any] = json.loads(line)
        if "failed" in answer:
            raise RuntimeError(answer["failed"])
        return answer

    def evaluate(self, source: str, given: Any = None) -> Any:  # noqa: ANN401 - any JSON
        """Run Python inside that leaves its result in ``answer``."""
        return self.ask(source=source, given=given)["answer"]

    def killed(self, where: str, number: int, *arguments: str) -> int:
        """Run a command line in a process of its own that is ended in the middle (see ``guest``); its exit code."""
        nothing = subprocess.DEVNULL
        command = self.python_command(self.path(GUEST), "kill", where, str(number), *arguments)
        done = subprocess.run(command, stdin=nothing, stdout=nothing, stderr=nothing, env=self.environment, timeout=120, check=False)
        return done.returncode

    @staticmethod
    def path(place: Path) -> str:
        """How a file of this machine is called inside."""
        return "Z:" + str(place).replace("/", "\\")
