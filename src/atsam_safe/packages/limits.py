"""Bounds on everything a package says about itself: no length, count or depth is believed without them."""

from __future__ import annotations

from typing import Literal

import msgspec

Depth = Literal["everything", "archive"]
"""How deep a *large* payload is read when its package is opened; every other payload is always read to its last byte.

``everything``: archive checksums, compression, members, path rules, bill of materials with the checksum of each file.
``archive``: the archive's checksums; paths are those of the bill of materials. For a payload that is staged later, with every check.
"""

MEBIBYTE = 1 << 20
# Fits a processor's own cache: buffers of a mebibyte cost a third more time, most of it the kernel's.
BUFFER = MEBIBYTE // 2


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Upper bounds for one package. Sizes are bytes.

    ``large_payload``: from so many stored bytes on a payload is read only as deep as ``Depth`` says.
    The defaults are far above the largest genuine package of the field (4 MB) and below what would fill a workstation.

    What is kept in memory for as long as a package is open is bounded together, over all its components, so that a hostile one takes little
    more than a genuine one: the largest known has 2,009 files, whose paths have some 200 KB, and a table of a few tens of KB.
    ``expansion``: to how many times its stored size anything may unpack (a payload, scripts, a member of an archive or container, and the
    whole package), once that is more than ``expansion_floor``. Programs and libraries shrink to a half or a fifth, plain text to a tenth or
    a twentieth: a hundred times is five times what the best of them reach, while zeros reach a thousand. The floor is sixteen times the
    largest genuine package, for small parts that happen to be nothing but repetition (empty tables, icons), and harms no workstation.
    ``payload_members`` and ``paths`` (bytes of all paths, the folders that they imply included) are ten times that: without the second,
    seventy kilobytes of paths with hundreds of folders each took 13 GB. ``xml_nodes`` counts attributes too.
    """

    package: int = 4 << 30
    toc_compressed: int = MEBIBYTE
    toc: int = 2 * MEBIBYTE
    xml_nodes: int = 50_000
    xml_depth: int = 80
    archive_members: int = 5_000
    archive_depth: int = 40
    signature: int = MEBIBYTE
    ticket: int = MEBIBYTE
    metadata: int = 2 * MEBIBYTE
    bom: int = 8 * MEBIBYTE
    payload: int = 8 << 30
    expansion: int = 100
    expansion_floor: int = 64 * MEBIBYTE
    large_payload: int = 16 * MEBIBYTE
    payload_members: int = 20_000
    paths: int = 2 * MEBIBYTE
    scripts: int = 64 * MEBIBYTE
    table: int = 64 * MEBIBYTE
    string_pool: int = 16 * MEBIBYTE
    decoder_memory: int = 128 * MEBIBYTE
    packages: int = 64
    container: int = 4 << 30
    container_members: int = 2_000

    def unpacked(self, stored: int) -> int:
        """How many bytes ``stored`` ones may unpack to at most."""
        return max(self.expansion_floor, self.expansion * stored)


DEFAULT_LIMITS = Limits()
