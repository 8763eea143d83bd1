"""A hundred gigabytes of zeros in a hundred megabytes: refused by what is announced, not after unpacking them."""

from __future__ import annotations

import gzip
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from lab.packages import Component, component_package

if TYPE_CHECKING:
    from lab.inspecting import InspectBytes

ZEROS = 64 << 20
LARGEST_ODC = 0o77777777777
LITTLE_MEMORY = 48 << 20


def odc(name: str, size: int, mode: int = 0o100644) -> bytes:
    fields = (0, 1, mode, 0, 0, 1, 0, 0, len(name) + 1, size)
    widths = (6, 6, 6, 6, 6, 6, 6, 11, 6, 11)
    return b"070707" + b"".join(b"%0*o" % (width, value) for width, value in zip(widths, fields, strict=True)) + name.encode() + b"\0"


@pytest.fixture(scope="module")
def zeros() -> bytes:
    """A hundred gibibytes of zeros as gzip members."""
    return gzip.compress(bytes(ZEROS), 9, mtime=0) * ((100 << 30) // ZEROS)


@pytest.mark.parametrize(
    ("head", "ref", "fault"),
    [
        (odc("./opt", 0, 0o40755) + odc("./opt/huge", LARGEST_ODC), "package.too-large", None),
        (odc("./opt", 0, 0o40755) + odc("TRAILER!!!", 0), "package.damaged", "data-after-cpio"),
    ],
    ids=["one huge file", "zeros behind the end"],
)
def test_a_bomb_is_refused_before_it_goes_off(zeros: bytes, inspect_bytes: InspectBytes, head: bytes, ref: str, fault: str | None) -> None:
    payload = gzip.compress(head, mtime=0) + zeros
    package = component_package(Component(identifier="fr.sesamvitale.galss.pkg", version="3.42.03", payload_bytes=payload, bom_bytes=b""))
    tracemalloc.start()
    try:
        inspection = inspect_bytes(package)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert inspection.signature.verdict == "refused"
    assert inspection.signature.reasons[0].ref == ref
    assert fault is None or inspection.signature.reasons[0].params["fault"] == fault
    assert peak < LITTLE_MEMORY
