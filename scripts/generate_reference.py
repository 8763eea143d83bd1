"""Write ``docs/reference`` from the code: commands, exit codes, JSON, snapshot format, and one page per refusal.

``--check`` writes nothing and ends 1 when a page is not what the code says (the test-suite runs that).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

PROJECT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT / "src"))

import msgspec  # noqa: E402 - found by the line above

from atsam_safe.cli import help as command_help  # noqa: E402
from atsam_safe.cli.table import COMMANDS  # noqa: E402
from atsam_safe.report.json_form import ENVELOPE  # noqa: E402
from atsam_safe.report.result import EXIT_CODES  # noqa: E402
from atsam_safe.snapshot.model import MANIFEST_FORMAT, Manifest, PathState  # noqa: E402
from atsam_safe.words.registry import all_references, topic_names, topic_references  # noqa: E402
from atsam_safe.words.translate import UNKNOWN, translate  # noqa: E402

if TYPE_CHECKING:
    from atsam_safe.words.reference import Reference

FOLDER: Final = PROJECT / "docs/reference"
MADE: Final = "<!-- Made by scripts/generate-reference from the code; do not edit. -->\n\n"
CONTRACT: Final = PROJECT / "tests/contract/json_keys.json"


def commands_page() -> str:
    """Every command's help, as the program prints it."""
    parts = [MADE, "# Commands\n\n", "```text\n", command_help.render([], "en"), "```\n"]
    for command in COMMANDS:
        group = getattr(command_help.find([command.name]), "commands", None)
        paths = [[command.name, inner] for inner in group] if group else [[command.name]]
        for path in paths:
            text = command_help.render(path, "en", with_global=False)
            parts += [f"\n## {' '.join(path)}\n\n", "```text\n", text, "```\n"]
    return "".join(parts)


def exit_codes_page() -> str:
    """The table of exit codes."""
    lines = [MADE, "# Exit codes\n\n", "| code | status | meaning |\n|---|---|---|\n"]
    lines += [f"| {code} | {status} | {meaning} |\n" for code, (status, meaning) in EXIT_CODES.items()]
    lines.append("| 128+N | error | ended by signal N, after the state was made safe |\n")
    lines.append("\nAn unknown exit code must be treated as a failure. With `--msi-exit-codes` a needed restart ends 3010 instead of 30.\n")
    return "".join(lines)


def json_page() -> str:
    """The envelope and the keys of each command's data, from the contract that the tests freeze."""
    keys: dict[str, Any] = msgspec.json.decode(CONTRACT.read_bytes())
    parts = [MADE, "# JSON\n\nOne object on standard output, nothing else there. Keys are only ever added.\n\n## Envelope\n\n"]
    parts += ["| key | meaning |\n|---|---|\n", *(f"| `{key}` | {meaning} |\n" for key, meaning in ENVELOPE.items())]
    parts.append(
        "\nEach entry of `errors` and `notices` has `ref`, `what`, `why`, `next` and, when there is any, `evidence`. `told` is there "
        "when the sentences are those of another reference: `package.unsafe-path` for `package.damaged`.\n"
    )
    for command, paths in keys.items():
        parts.append(f"\n## {command}\n\n")
        parts += [f"- `{path}`\n" for path in paths]
    return "".join(parts)


def _fields(title: str, struct: type[msgspec.Struct]) -> list[str]:
    info = msgspec.inspect.type_info(struct)
    names = [field.encode_name for field in getattr(info, "fields", ())]
    return [f"\n## {title}\n\n", (struct.__doc__ or "").strip() + "\n\n", *(f"- `{name}`\n" for name in names)]


def snapshot_page() -> str:
    """The folder a technician can read."""
    parts = [
        MADE,
        "# Snapshot format\n\n",
        f"Format version {MANIFEST_FORMAT}. A newer one is refused with words.\n\n",
        "```text\n",
        "objects/aa/bb…                   content, named by its SHA-256\n",
        "snapshots/ID/manifest.json       every path in scope, absent ones too\n",
        "snapshots/ID/restore.sh          restores without this program:  sh restore.sh VOLUME\n",
        "snapshots/ID/restore.cmd         Windows only: the same with cmd, certutil, reg, msiexec:  restore.cmd [/check] [DRIVE:]\n",
        "snapshots/ID/restore.ps1         Windows only: the same with PowerShell\n",
        "latest                           id of the last committed snapshot\n",
        "```\n\n",
        "Order of writing: objects → one barrier → manifest and script → barrier → pointer (by rename).\n",
        "A path in scope is recorded with its kind (`absent` is one), mode, owner, time, extended attributes, link target and SHA-256.\n",
    ]
    parts += _fields("manifest.json", Manifest)
    parts += _fields("One entry of `paths` and `ancestors`", PathState)
    return "".join(parts)


def refusal_page(reference: Reference) -> str:
    """One reference: what is seen, why it matters, what to do, and whether it can be accepted; in both languages."""
    accepted = f"yes, with `--accept {reference.ref}`; it is written to the record" if reference.acceptable else "no"
    parts = [MADE, f"# {reference.ref}\n\n"]
    for language, labels in (
        ("fr", ("Ce que l’on voit", "Pourquoi", "Que faire")),
        ("en", ("What is seen", "Why it matters", "What to do")),
    ):
        for label, sentence in zip(labels, (reference.what, reference.why, reference.next), strict=True):
            parts.append(f"**{label}** — {translate(sentence, 'fr' if language == 'fr' else 'en')}\n\n")
        parts.append("---\n\n" if language == "fr" else "")
    parts.append(f"Exit code when it decides: {reference.exit_code}. Can be accepted: {accepted}.\n")
    return "".join(parts)


def index_page() -> str:
    """All references by topic."""
    parts = [MADE, "# Refusals and findings\n\n`{…}` stands for what was seen. Each reference has a page of its own.\n"]
    for topic in topic_names():
        found = [reference for reference in topic_references(topic) if reference.ref]
        if found:
            parts.append(f"\n## {topic}\n\n")
            parts += [f"- [`{reference.ref}`]({reference.ref}.md) — {translate(reference.what, 'fr')}\n" for reference in found]
    return "".join(parts)


def pages() -> dict[Path, str]:
    """Every page of the reference by its path."""
    made = {
        FOLDER / "commands.md": commands_page(),
        FOLDER / "exit-codes.md": exit_codes_page(),
        FOLDER / "json.md": json_page(),
        FOLDER / "snapshot-format.md": snapshot_page(),
        FOLDER / "refusals/README.md": index_page(),
    }
    for reference in (*all_references().values(), UNKNOWN):
        made[FOLDER / f"refusals/{reference.ref}.md"] = refusal_page(reference)
    return made


def main() -> int:
    """Write, or with ``--check`` compare."""
    check = "--check" in sys.argv[1:]
    made = pages()
    stale = [path for path, text in made.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    surplus = [path for path in FOLDER.rglob("*.md") if path not in made]
    for path in stale:
        print(f"{path.relative_to(PROJECT)}: {'not what the code says; run scripts/generate-reference' if check else 'written'}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[path], encoding="utf-8")
    for path in surplus:
        print(f"{path.relative_to(PROJECT)}: {'nothing in the code makes it' if check else 'removed'}")
        if not check:
            path.unlink()
    return 1 if check and (stale or surplus) else 0


if __name__ == "__main__":
    sys.exit(main())
