"""What a PKCS#11 module file is, without loading it: format, architectures, whole or truncated, executable stack asked for.

The file may be anything: every offset and count read from it is bounded by its size. Only headers are read, never the code.
"""

from __future__ import annotations

import os
import stat
import struct
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from atsam_safe.versions import is_before
from atsam_safe.words.model import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from atsam_safe.catalogue.model import MiddlewareRule

Format = Literal["elf", "mach-o", "pe", "unknown"]

_HEADER_BYTES: Final = 64 * 1024
_MAXIMUM_TABLE: Final = 512
_MAXIMUM_ARCHITECTURES: Final = 16

_ELF_MACHINES: Final = {62: "x86_64", 3: "i386", 183: "arm64"}
_ELF_LOAD: Final = 1
_ELF_STACK: Final = 0x6474E551
_EXECUTE: Final = 1
_MACH_MACHINES: Final = {0x01000007: "x86_64", 7: "i386", 0x0100000C: "arm64"}
_MACH_STACK: Final = 0x20000
_MACH_SEGMENTS: Final = {0x19: ("<16xQQ", 40), 0x01: ("<8xII", 32)}
_PE_MACHINES: Final = {0x8664: "x86_64", 0x14C: "i386", 0xAA64: "arm64"}


class ModuleFile(msgspec.Struct, frozen=True, kw_only=True):
    """The static facts of one module file. ``architectures`` is empty when the format is not known.

    ``truncated``: the headers announce more bytes than the file has; loading such a file ends the process on most systems.
    """

    path: str
    exists: bool
    regular: bool = False
    size: int = 0
    format: Format = "unknown"
    architectures: tuple[str, ...] = ()
    truncated: bool = False
    executable_stack: bool = False


class _Image(msgspec.Struct, frozen=True):
    """One architecture's headers: what it is, how far its content reaches in the file, whether it wants an executable stack."""

    format: Format
    architecture: str
    reach: int
    executable_stack: bool = False


def _elf(data: bytes) -> _Image:
    """A 64- or 32-bit little-endian ELF file."""
    wide = data[4] == 2  # noqa: PLR2004 - the class of 64-bit files
    (machine,) = struct.unpack_from("<H", data, 18)
    if wide:
        (table,) = struct.unpack_from("<Q", data, 32)
        size, count = struct.unpack_from("<HH", data, 54)
    else:
        (table,) = struct.unpack_from("<I", data, 28)
        size, count = struct.unpack_from("<HH", data, 42)
    reach = table + size * count
    stack = False
    for number in range(min(count, _MAXIMUM_TABLE)):
        place = table + number * size
        if wide:
            kind, flags, offset, _, _, length = struct.unpack_from("<IIQQQQ", data, place)
        else:
            kind, offset, _, _, length, _, flags = struct.unpack_from("<IIIIIII", data, place)
        if kind == _ELF_LOAD:
            reach = max(reach, offset + length)
        elif kind == _ELF_STACK:
            stack = bool(flags & _EXECUTE)
    return _Image("elf", _ELF_MACHINES.get(machine, f"elf-{machine}"), reach, stack)


def _mach(data: bytes, start: int) -> _Image:
    """One thin little-endian Mach-O image at ``start``."""
    magic, machine = struct.unpack_from("<II", data, start)
    count, _, flags = struct.unpack_from("<III", data, start + 16)
    place = start + (32 if magic == 0xFEEDFACF else 28)  # noqa: PLR2004 - MH_MAGIC_64
    reach = place
    for _ in range(min(count, _MAXIMUM_TABLE)):
        command, size = struct.unpack_from("<II", data, place)
        if size < 8:  # noqa: PLR2004 - a command is never smaller than its own head
            break
        if command in _MACH_SEGMENTS:
            layout, where = _MACH_SEGMENTS[command]
            values = struct.unpack_from(layout.replace("16x", "").replace("8x", ""), data, place + where)
            reach = max(reach, start + values[0] + values[1])
        place += size
    return _Image("mach-o", _MACH_MACHINES.get(machine, f"mach-{machine}"), reach, bool(flags & _MACH_STACK))


def _pe(data: bytes) -> _Image:
    """A Windows library."""
    (start,) = struct.unpack_from("<I", data, 60)
    signature, machine, sections = struct.unpack_from("<4sHH", data, start)
    if signature != b"PE\0\0":
        raise ValueError
    (optional,) = struct.unpack_from("<H", data, start + 20)
    reach = 0
    for number in range(min(sections, _MAXIMUM_TABLE)):
        length, offset = struct.unpack_from("<II", data, start + 24 + optional + number * 40 + 16)
        reach = max(reach, offset + length)
    return _Image("pe", _PE_MACHINES.get(machine, f"pe-{machine}"), reach)


def _images(handle: int, size: int) -> list[_Image]:
    """Headers of every architecture in the file. Raises ``ValueError`` or ``struct.error`` for anything malformed."""
    head = _at(handle, 0, size)
    if head.startswith(b"\x7fELF") and head[5:6] == b"\x01":
        return [_elf(head)]
    if head.startswith(b"MZ"):
        return [_pe(head)]
    magic = head[:4]
    if magic in {b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe"}:
        return [_mach(head, 0)]
    if magic in {b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf"}:
        (count,) = struct.unpack_from(">I", head, 4)
        wide = magic[3] == 0xBF  # noqa: PLR2004 - FAT_MAGIC_64
        if not 0 < count <= _MAXIMUM_ARCHITECTURES:
            raise ValueError
        found: list[_Image] = []
        for number in range(count):
            machine, _, offset, length = struct.unpack_from(">IIQQ" if wide else ">IIII", head, 8 + number * (32 if wide else 20))
            if offset + length > size:
                found.append(_Image("mach-o", _MACH_MACHINES.get(machine, f"mach-{machine}"), offset + length))
                continue
            image = _mach(_at(handle, offset, size), 0)
            found.append(msgspec.structs.replace(image, reach=offset + image.reach))
        return found
    raise ValueError


def _at(handle: int, offset: int, size: int) -> bytes:
    """Header bytes at ``offset``."""
    os.lseek(handle, offset, os.SEEK_SET)
    return os.read(handle, min(_HEADER_BYTES, max(0, size - offset)))


def inspect_module(path: Path) -> ModuleFile:
    """The facts of the file at ``path``. Never raises: a file that cannot be read is one of unknown format."""
    name = str(path)
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return ModuleFile(path=name, exists=False)
    except OSError:
        return ModuleFile(path=name, exists=True)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return ModuleFile(path=name, exists=True, size=status.st_size)
        try:
            images = _images(handle, status.st_size)
        except (ValueError, IndexError, OverflowError, struct.error):
            # Cut inside its own headers, or no library at all: both are unreadable, and the magic tells them apart.
            magic = _at(handle, 0, status.st_size)[:4]
            known = magic in {b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe"}
            return ModuleFile(path=name, exists=True, regular=True, size=status.st_size, truncated=known or status.st_size == 0)
    except OSError:
        return ModuleFile(path=name, exists=True)
    finally:
        os.close(handle)
    return ModuleFile(
        path=name,
        exists=True,
        regular=True,
        size=status.st_size,
        format=images[0].format,
        architectures=tuple(image.architecture for image in images),
        truncated=any(image.reach > status.st_size for image in images),
        executable_stack=any(image.executable_stack for image in images),
    )


def module_problems(module: ModuleFile, rule: MiddlewareRule, hardware: str | None) -> tuple[Problem, ...]:
    """What is wrong with the file of a middleware the bundle brings, before it is ever loaded.

    ``hardware`` is the machine's architecture (``None``: not known, then the architecture is not judged).
    """
    params = {"middleware": rule.name, "path": module.path}
    if not module.exists:
        return (Problem(ref="middleware.absent", params=params),)
    if module.truncated:
        return (Problem(ref="middleware.truncated", params=params, evidence={"size": module.size}),)
    if module.format == "unknown":
        return (Problem(ref="middleware.no-library", params=params),)
    wanted = rule.architectures or module.architectures
    if hardware is not None and hardware in wanted and hardware not in module.architectures:
        evidence = {"architectures": list(module.architectures), "hardware": hardware}
        params = {**params, "found": ", ".join(module.architectures), "hardware": hardware}
        return (Problem(ref="middleware.wrong-architecture", params=params, evidence=evidence),)
    return ()


def version_problem(rule: MiddlewareRule, package: str | None, reported: str) -> Problem | None:
    """Whether the version the loaded module gives of itself is the one of the installed release; ``None`` when it is, or nothing is known.

    ``package`` is the installed version of the rule's component (``None``: not installed, or not known).
    """
    if package is None or not rule.releases:
        return None
    for release in rule.releases:
        if release.package == package and _same(release.library, reported):
            return None
    params = {"middleware": rule.name, "reported": reported, "package": package}
    known = [release.library for release in rule.releases if release.package == package]
    if known:
        return Problem(ref="middleware.other-version", params={**params, "expected": known[0]})
    return Problem(ref="middleware.version-unlisted", params=params)


def manufacturer_problem(rule: MiddlewareRule, package: str | None, manufacturer: str) -> Problem | None:
    """Whether the loaded module names another maker than the rule lists; ``None`` when it names one of those.

    For a release from before ``manufacturers_from`` nobody has seen which name it gives: a name that is not listed is told
    (``middleware.manufacturer-unlisted``), it does not prove that another product took its place (``middleware.foreign``).
    """
    if not rule.manufacturers or manufacturer in rule.manufacturers:
        return None
    params = {"middleware": rule.name, "path": rule.path, "manufacturer": manufacturer}
    if package is not None and rule.manufacturers_from is not None and is_before(package, rule.manufacturers_from):
        return Problem(ref="middleware.manufacturer-unlisted", params={**params, "package": package})
    return Problem(ref="middleware.foreign", params={**params, "expected": ", ".join(rule.manufacturers)})


def _same(expected: str, reported: str) -> bool:
    """``3.01.00``, ``3.1`` and ``3.1.0`` are one version: modules report two numbers, release notes print three."""

    def numbers(text: str) -> list[int]:
        parts = [int(part) for part in text.split(".") if part.isdigit()]
        while len(parts) > 1 and parts[-1] == 0:
            parts.pop()
        return parts

    return numbers(expected) == numbers(reported)


def known_middlewares(rules: Sequence[MiddlewareRule], family: str) -> tuple[MiddlewareRule, ...]:
    """The middlewares of one system family; those the bundle brings first."""
    return tuple(sorted((rule for rule in rules if rule.family == family), key=lambda rule: rule.component is None))
