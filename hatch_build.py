"""Build hook: the wheel carries compiled words and manifests, so that no machine that installs it needs Babel or waits for TOML.

The digest of the source goes into each compiled file: the program uses a compiled catalogue only when it was made from the very ``.po``
beside it, so yesterday's words can never be shown.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import tempfile
from pathlib import Path
from typing import Any, Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LOCALE: Final = Path("src/atsam_safe/words/locale")
DIGEST_CONTEXT: Final = "build"  # both as in atsam_safe.words.translate
DIGEST_MESSAGE: Final = "source-sha256"


def compile_catalogues(root: Path) -> list[Path]:
    """Compile every ``.po`` of the project at ``root`` to the ``.mo`` beside it and return the files written.

    Each file is replaced by rename: two builds at once (the test-suite runs on several processes) never show a half-written one.
    A catalogue that Babel cannot read, or that holds a fuzzy entry, stops the build.
    """
    written = []
    for source in sorted((root / LOCALE).glob("*/LC_MESSAGES/*.po")):
        content = source.read_bytes()
        catalogue = read_po(io.BytesIO(content), locale=source.parts[-3], abort_invalid=True)
        fuzzy = [message.id for message in catalogue if message.fuzzy and message.id]
        if fuzzy:
            raise SystemExit(f"{source}: fuzzy entries would be left out of the program: {fuzzy[:3]}")
        catalogue.add(DIGEST_MESSAGE, hashlib.sha256(content).hexdigest(), context=DIGEST_CONTEXT)
        target = source.with_suffix(".mo")
        handle, partial = tempfile.mkstemp(dir=target.parent, suffix=".partial")
        try:
            with os.fdopen(handle, "wb") as stream:
                write_mo(stream, catalogue)
            Path(partial).chmod(0o644)
            Path(partial).replace(target)
        except BaseException:
            Path(partial).unlink(missing_ok=True)
            raise
        written.append(target)
    return written


def compile_manifests(root: Path) -> Path:
    """Let the program write the fast form of the embedded manifests and return the file.

    The module is loaded by its place, without its package: nothing the program depends on is installed while it is built.
    """
    place = root / "src/atsam_safe/catalogue/compiled.py"
    spec = importlib.util.spec_from_file_location("atsam_safe_catalogue_compiled", place)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{place}: cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written: Path = module.compile_embedded(root / "manifests")
    return written


class BuildHook(BuildHookInterface[Any]):
    """Runs before every wheel, an editable one too."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - the signature is the build tool's
        """Compile what the tree that is built holds as source."""
        compile_catalogues(Path(self.root))
        compile_manifests(Path(self.root))


if __name__ == "__main__":  # scripts/setup, after a .po file or a manifest has changed
    compile_catalogues(Path(__file__).resolve().parent)
    compile_manifests(Path(__file__).resolve().parent)
