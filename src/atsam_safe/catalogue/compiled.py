"""The fast form of the embedded manifests: the same content as JSON, found by the digest of the TOML it was made from.

``tomllib`` needs longer for the manifests than the rest of ``status`` together. The build hook therefore writes one file with a
JSON twin of each manifest. A twin is used only for a file with exactly the content it was made from: it can be missing, never stale.
Only the standard library is used here, because the build hook runs before anything else is installed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Final

COMPILED_FORMAT: Final = 1
COMPILED_FILE: Final = Path(__file__).resolve().parent.parent / "_build" / "catalogue.json"
_MAXIMUM_BYTES: Final = 16 << 20


def compile_embedded(manifests: Path, target: Path = COMPILED_FILE) -> Path:
    """Write the twins of all manifests in ``manifests`` to ``target`` (by rename) and return it.

    Raises ``CatalogueError`` or ``ValueError`` for a broken catalogue: a wheel with one must not be built.
    """
    import json  # noqa: PLC0415 - only the build writes

    # Used when a wheel is built, never when the program starts: starting does not pay for them.
    import tempfile  # noqa: PLC0415
    import tomllib  # noqa: PLC0415

    files = {source.relative_to(manifests).as_posix(): source.read_bytes() for source in sorted(manifests.rglob("*.toml"))}
    _check(files)
    twins = {}
    for content in files.values():
        twins[hashlib.sha256(content).hexdigest()] = json.dumps(
            tomllib.loads(content.decode("utf-8")), ensure_ascii=False, separators=(",", ":")
        )
    text = json.dumps({"format": COMPILED_FORMAT, "twins": twins}, ensure_ascii=False)
    target.parent.mkdir(exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=target.parent, suffix=".partial")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        Path(partial).chmod(0o644)
        Path(partial).replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(partial).unlink()
        raise
    return target


def _check(files: dict[str, bytes]) -> None:
    """Check the catalogue as a whole where the program's own libraries are there; an isolated build may be without them."""
    try:
        from atsam_safe.catalogue.parse import parse_catalogue  # noqa: PLC0415 - the build has no msgspec
    except ImportError:
        return
    parse_catalogue(files, "embedded")


def read_compiled(source: Path = COMPILED_FILE) -> dict[str, str]:
    """SHA-256 of a manifest → its content as JSON text. Empty when there is no usable compiled form: it is only a shortcut."""
    import msgspec  # noqa: PLC0415 - loaded already whenever the program runs; the build hook has only the standard library

    try:
        if source.stat().st_size > _MAXIMUM_BYTES:
            return {}
        tree = msgspec.json.decode(source.read_bytes())
    except (OSError, ValueError, RecursionError, msgspec.MsgspecError):
        return {}
    if not isinstance(tree, dict) or tree.get("format") != COMPILED_FORMAT:
        return {}
    twins = tree.get("twins")
    if not isinstance(twins, dict) or not all(isinstance(text, str) for text in twins.values()):
        return {}
    return twins


if __name__ == "__main__":
    compile_embedded(Path(__file__).resolve().parents[3] / "manifests")
