"""A ``certutil.exe`` for Wine, whose own does nothing: only ``-hashfile FILE SHA256``, answering as Windows 10 does.

The program is the launcher that pip ships for console scripts, followed by the Python it is to run.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Final

import pip

SOURCE: Final = r"""
import hashlib, sys
verb, path, kind = sys.argv[1:]
assert (verb, kind) == ("-hashfile", "SHA256")
try:
    content = open(path, "rb").read()
except OSError:
    print("CertUtil: -hashfile command FAILED: 0x80070002 (WIN32: 2 ERROR_FILE_NOT_FOUND)")
    sys.exit(2)
print(f"SHA256 hash of {path}:")
print(hashlib.sha256(content).hexdigest())
print("CertUtil: -hashfile command completed successfully.")
"""


def install(drive: Path, python: str) -> None:
    """Put the program where Windows has it; ``python``: the Windows Python's own path."""
    launcher = Path(pip.__file__).parent / "_vendor/distlib/t64.exe"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("__main__.py", SOURCE)
    target = drive / "windows/system32/certutil.exe"
    target.unlink(missing_ok=True)  # the prepared prefix has the same file under the same name: never written through
    target.write_bytes(launcher.read_bytes() + f"#!{python} -I -S\n".encode() + content.getvalue())
