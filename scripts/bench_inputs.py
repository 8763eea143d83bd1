"""What the benchmarks work on, made by the test laboratory: a workstation, packages, a tree of 590 files and 117 MB.

The two large packages have the weights and the numbers of files of those that the goals were measured with.

``python -m scripts.bench_inputs FOLDER``. Reproducible: the contents come from a fixed seed. Run as a process of its own, because building
a large package takes memory that would otherwise be counted as the benchmark's.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PROJECT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT / "tests"))

from scripts.bench_measure import READY  # noqa: E402 - as above

from lab.atsam import CRYPTOLIB, Sabotage, build_atsam  # noqa: E402 - the laboratory lies below tests/
from lab.authority import Authority  # noqa: E402 - the laboratory lies below tests/
from lab.catalogue import write_test_manifests  # noqa: E402 - the laboratory lies below tests/
from lab.items import file  # noqa: E402 - the laboratory lies below tests/
from lab.workstation import lay_out_mojave  # noqa: E402 - the laboratory lies below tests/

LARGE_BYTES: Final = 306_000_000
LARGE_FILES: Final = 2009
FEW_FILES: Final = 400
"""The same weight in files five times as large: unpacking creates fewer, and a comparison with it is harder."""
PROGRAM_BYTES: Final = 316_000_000
"""Unpacked; a third of it is left when it is compressed."""
PROGRAM_FILES: Final = 568
USUAL_BYTES: Final = 10 << 20
"""The weight of the largest genuine packages of the field."""
TREE_FILES: Final = 590
TREE_BYTES: Final = 117_000_000
PIECE: Final = 1 << 16
FILLED_FOLDER: Final = "Library/Application Support/santesocial/CPS/filling"
WORDS: Final = 1500
USUAL_FILES: Final = 40


def content(generator: random.Random, size: int) -> bytes:
    """Bytes of which about four fifths cannot be compressed, like pictures and archives with tables between them."""
    pieces = []
    while size > 0:
        length = min(size, PIECE)
        pieces.append(generator.randbytes(length * 4 // 5).ljust(length, b"\0"))
        size -= length
    return b"".join(pieces)


def programs(generator: random.Random, weight: int, files: int) -> Iterator[bytes]:
    """``files`` contents of ``weight`` bytes together.

    They compress as machine code does, to about a third: short pieces, a few of them very often.
    """
    words = [generator.randbytes(generator.randint(3, 12)) for _ in range(WORDS)]
    weights = list(itertools.accumulate(1 / (rank + 2) for rank in range(WORDS)))
    # Compression looks back 32 KB: what comes again after megabytes is as new to it as at first.
    stock = b"".join(generator.choices(words, cum_weights=weights, k=1_200_000))
    size = weight // files
    for _ in range(files):
        start = generator.randrange(len(stock) - size)
        yield stock[start : start + size]


def tree(folder: Path) -> None:
    """590 files, 117 MB: many small ones and a few that make the weight, in nested folders."""
    generator = random.Random(590)  # noqa: S311 - reproducible, not secret
    weights = [generator.paretovariate(1.1) for _ in range(TREE_FILES)]
    total = sum(weights)
    for number, weight in enumerate(weights):
        place = folder / f"part-{number % 7}" / f"group-{number % 23}" / f"file-{number:03}.bin"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content(generator, int(TREE_BYTES * weight / total)))


def resources(weight: int, files: int) -> Iterator[bytes]:
    """``files`` contents that have ``weight`` bytes together once they are compressed."""
    generator = random.Random(441)  # noqa: S311 - reproducible, not secret
    return (content(generator, weight * 5 // 4 // files) for _ in range(files))  # four fifths of each byte written survive


def package(path: Path, contents: Iterable[bytes], authority: Authority) -> None:
    """ATSAM 4.41 with these files besides in the Cryptolib's own folder, signed by the test authority."""
    filling = tuple(file(f"{FILLED_FOLDER}/filling-{number:03}.bin", data) for number, data in enumerate(contents))
    path.write_bytes(build_atsam("4.41", authority.signer(), sabotage={CRYPTOLIB: Sabotage(extra=filling)}))


def main(arguments: list[str]) -> int:
    """Make everything below the folder given."""
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    lay_out_mojave(folder / "volume")
    tree(folder / "tree/Library/Bundle")
    authority = Authority.create()
    write_test_manifests(folder / "manifests", authority.trust())
    package(folder / "large.pkg", resources(LARGE_BYTES, LARGE_FILES), authority)
    package(folder / "few.pkg", resources(LARGE_BYTES, FEW_FILES), authority)
    package(folder / "programs.pkg", programs(random.Random(442), PROGRAM_BYTES, PROGRAM_FILES), authority)  # noqa: S311 - as above
    package(folder / "usual.pkg", resources(USUAL_BYTES, USUAL_FILES), authority)
    sizes = {path.name: path.stat().st_size for path in sorted(folder.glob("*.pkg"))}
    (folder / READY).write_text(json.dumps(sizes), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
