"""What is fuzzed: each reader of bytes that somebody else wrote, with the one error it may answer with, and a few seeds to begin from."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import os
import plistlib
import tempfile
from typing import TYPE_CHECKING, Final

from atsam_safe.cards.galss_ini import parse as parse_galss_ini
from atsam_safe.cards.galss_ini import read_model
from atsam_safe.catalogue.model import Catalogue, Trust
from atsam_safe.facts.ini import parse_ini
from atsam_safe.packages.bom import read_bom
from atsam_safe.packages.inspection import inspect_file
from atsam_safe.packages.limits import DEFAULT_LIMITS
from atsam_safe.packages.payload import CpioReader, decompress
from atsam_safe.packages.reading import PinnedFile
from atsam_safe.packages.streams import Allowance
from atsam_safe.packages.strictxml import parse_xml
from atsam_safe.snapshot.manifest import parse as parse_manifest
from atsam_safe.transaction.journal import DamagedLineError, encode
from atsam_safe.transaction.journal import parse as parse_journal
from atsam_safe.transaction.records import Begin
from atsam_safe.words.model import AtsamSafeError
from atsam_safe.workstation.plists import read_plist
from atsam_safe.workstation.unreadable import UnreadableError
from lab.atsam import GALSS, build_component
from lab.authority import Authority
from lab.bill import bill_of_materials
from lab.cpio import compress, cpio_archive
from lab.items import file, symlink, with_parents
from lab.packages import Component, component_package
from lab.workstation import io_comm_ini, pcsc_ini
from lab.xar import CMS_SLOT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NOW: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
EMPTY: Final = Catalogue(origin="lab", digest="", components=(), bundles=(), dependents=(), os_releases=(), trust=Trust())
ITEMS: Final = with_parents([file("opt/a", b"content" * 20), symlink("opt/b", "a")])
LIMIT: Final = 1 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """One reader. ``allowed``: what it may raise; anything else is a fault."""

    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    allowed: tuple[type[Exception], ...] = (AtsamSafeError,)


def read_package(data: bytes) -> None:
    """The whole inspection of a package: table of contents, signature, documents, payload, bill."""
    with tempfile.TemporaryFile() as stream:
        stream.write(data)
        stream.flush()
        with PinnedFile(os.dup(stream.fileno()), "sample") as pinned:
            inspect_file(pinned, "sample", Trust(), EMPTY, NOW)


def read_payload(data: bytes) -> None:
    """Decompression and every member of the archive."""
    _, source = decompress(iter([data]), place="p", allowance=Allowance(LIMIT), limits=DEFAULT_LIMITS)
    for _ in CpioReader(source, most=1000):
        pass


@functools.cache
def _authority() -> Authority:
    return Authority.create()


class _Signer:
    """Signs with whatever bytes it is given."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.listed_certificates: Sequence[bytes] = _authority().signer().listed_certificates

    def rsa(self, digest: bytes, algorithm: str) -> bytes | None:
        """None: the other signature alone has to convince."""
        del digest, algorithm
        return None

    def cms(self, digest: bytes, algorithm: str) -> bytes | None:
        """The bytes."""
        del digest, algorithm
        return self._content


def read_signature(data: bytes) -> None:
    """A sound package whose signature is ``data``."""
    part = Component(identifier="a.b", version="1", items=tuple(ITEMS))
    package = component_package(part, _Signer(data[:CMS_SLOT]))
    with tempfile.TemporaryFile() as stream:
        stream.write(package)
        stream.flush()
        with PinnedFile(os.dup(stream.fileno()), "sample") as pinned:
            inspection, _ = inspect_file(pinned, "sample", _authority().trust(), EMPTY, NOW)
    if inspection.signature.verdict == "developer-id":
        raise RuntimeError(data)


def _signature() -> bytes:
    """A genuine signature, of something else."""
    return _authority().signer().cms(bytes(20), "sha1") or b""


def _journal() -> bytes:
    line, _ = encode(Begin(run_id="r", command="install", program="1"), 0, "0" * 32)
    return line


TARGETS: Final[dict[str, Target]] = {
    "package": Target(read=read_package, seeds=(component_package(Component(identifier="a.b", version="1", items=tuple(ITEMS))),)),
    "payload": Target(
        read=read_payload,
        seeds=(
            *(compress(cpio_archive(ITEMS, form), "none") for form in ("odc", "newc", "crc")),
            compress(cpio_archive(ITEMS), "gzip"),
            compress(cpio_archive(ITEMS), "pbzx"),
        ),
    ),
    "bom": Target(read=read_bom, seeds=(bill_of_materials(ITEMS),)),
    "xml": Target(read=lambda data: parse_xml(data, place="p", limits=DEFAULT_LIMITS), seeds=(b"<xar><toc a='b'>c</toc></xar>",)),
    "cms": Target(read=read_signature, seeds=(b"\x30\x03\x06\x01\x00", _signature())),
    "plist": Target(
        read=read_plist,
        seeds=(plistlib.dumps({"a": [1, "b", b"c"]}), plistlib.dumps({"a": [1, "b", b"c"]}, fmt=plistlib.FMT_BINARY)),
        allowed=(AtsamSafeError, UnreadableError),
    ),
    "ini": Target(read=parse_ini, seeds=(pcsc_ini(), io_comm_ini())),
    "galss.ini": Target(read=lambda data: read_model(parse_galss_ini(data)), seeds=(pcsc_ini(),)),
    "journal": Target(read=parse_journal, seeds=(_journal(),), allowed=(DamagedLineError,)),
    "manifest": Target(read=lambda data: parse_manifest(data, "000001-20260101T000000Z-0000"), seeds=(b'{"format":1}',)),
}


def try_one(target: Target, data: bytes) -> None:
    """Read; only the allowed errors may come out."""
    try:
        target.read(data)
    except target.allowed:
        return


def whole_package() -> bytes:
    """A larger seed, not kept in the corpus."""
    return build_component(GALSS, "3.42.03")
