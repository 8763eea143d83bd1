"""Keep the output shown in the READMEs true: run the commands on a scratch workstation and put what they print between the markers.

A block is marked ``<!-- output: NAME -->`` … ``<!-- /output -->``; ``BLOCKS`` says which command makes it. ``--check`` changes nothing and
ends 1 when a block is no longer what the program prints (the test-suite runs that). Paths and digests that differ at every run are
shortened to ``…``.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests"), str(PROJECT / "src")]

from plumbum import local  # noqa: E402 - after the path was set, like all that follows
from scripts.demo_story import MANIFESTS, install_unguarded, prepare  # noqa: E402

from atsam_safe.processes import exact_environment  # noqa: E402

FILES: Final = ("README.md", "README.fr.md")
BLOCK: Final = re.compile(r"(<!-- output: ([a-z-]+) -->\n)(.*?)(<!-- /output -->)", re.DOTALL)
ON: Final = (*MANIFESTS, "--root", "poste")

# name → language, arguments, lines shown (0 = all)
BLOCKS: Final[dict[str, tuple[str, tuple[str, ...], int]]] = {
    "check-fr": ("fr", (*ON, "check", "ATSAM-4.50.pkg"), 0),
    "check-en": ("en", (*ON, "check", "ATSAM-4.50.pkg"), 0),
    "copy-fr": ("fr", (*MANIFESTS, "--root", "copie", "status"), 0),
    "copy-en": ("en", (*MANIFESTS, "--root", "copie", "status"), 0),
    "sabotage-fr": ("fr", (*ON, "--yes", "install", "ATSAM-4.41-saboté.pkg"), 12),
    "sabotage-en": ("en", (*ON, "--yes", "install", "ATSAM-4.41-saboté.pkg"), 12),
    "install-fr": ("fr", (*ON, "--yes", "install", "ATSAM-4.41.pkg"), 3),
    "install-en": ("en", (*ON, "--yes", "install", "ATSAM-4.41.pkg"), 3),
}


def printed(stage: Path, name: str) -> str:
    """What the command of the block ``name`` prints, as a fenced block."""
    language, arguments, lines = BLOCKS[name]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT / "src"), "LANG": language, "NO_COLOR": "1", "PYTHONUTF8": "1"}
    with exact_environment(environment):
        _, answer, _ = local[sys.executable].run(["-m", "atsam_safe", *arguments], cwd=str(stage), retcode=None, timeout=120)
    text = re.sub(r"\s\S*/(catalogue-essai)\s+\([0-9a-f]{16}\)\.", r" …/\1 (…).", answer.rstrip("\n"))
    text = text.replace(str(stage), "…")
    if lines:
        text = "\n".join(text.split("\n")[:lines])
    return f"```console\n$ atsam-safe {' '.join(arguments)}\n{text}\n```\n"


def refreshed(text: str, stage: Path) -> str:
    """``text`` with every block made anew."""
    return BLOCK.sub(lambda match: match.group(1) + printed(stage, match.group(2)) + match.group(4), text)


def main() -> int:
    """Refresh, or with ``--check`` compare."""
    check = "--check" in sys.argv[1:]
    stale = []
    folder = Path(tempfile.mkdtemp(prefix="atsam-safe-readme-"))
    try:
        stage = folder / "demo"
        prepare(stage)
        install_unguarded(stage)
        for name in FILES:
            path = PROJECT / name
            before = path.read_text(encoding="utf-8")
            after = refreshed(before, stage)
            if after != before:
                stale.append(name)
                if not check:
                    path.write_text(after, encoding="utf-8")
    finally:
        shutil.rmtree(folder)
    for name in stale:
        print(f"{name}: {'no longer what the program prints; run scripts/refresh-readme' if check else 'refreshed'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
