"""Compile the lab's PKCS#11 modules and spoil copies of good ones."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

SOURCES: Final = Path(__file__).parent
OPENSC: Final = Path("/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so")
SOFTHSM: Final = Path("/usr/lib/softhsm/libsofthsm2.so")

_ELF_CLASS: Final = 4
_ELF_MACHINE: Final = 18


def compile_module(folder: Path, behaviour: str, *, source: str = "misbehaving.c", flags: tuple[str, ...] = ()) -> Path:
    """A module that behaves like this, as a file of its own."""
    path = folder / f"{behaviour.lower()}.so"
    command = ["gcc", "-shared", "-fPIC", "-O0", f"-D{behaviour}=1", *flags, "-o", str(path), str(SOURCES / source)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return path


def spoilt(folder: Path, how: str, good: Path = OPENSC) -> Path:
    """A copy of a good module that is damaged in one way."""
    data = bytearray(good.read_bytes())
    if how == "truncated":
        data = data[:9000]
    elif how == "empty":
        data = bytearray()
    elif how == "text":
        data = bytearray("Ceci n'est pas une bibliothèque.\n".encode())
    elif how == "other-class":
        data[_ELF_CLASS] = 1
    elif how == "other-machine":
        data[_ELF_MACHINE : _ELF_MACHINE + 2] = (0xB7).to_bytes(2, "little")
    path = folder / f"{how}.so"
    path.write_bytes(bytes(data))
    return path
