"""A manifests folder for the demo and the tests: the real one, with the test authority in the place of Apple's.

Packages built by the lab have the genuine layout but not the genuine bytes. Statements that pin the vendors' own bytes (checksum
witnesses of releases, digests of genuine installers) could only ever say "damaged" about them, so they are left out here and here only.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.catalogue.load import embedded_folder, read_manifests

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.catalogue.model import Trust

_TEST_SOURCE: Final = "LAB test authority"
_GENUINE_BYTES: Final = re.compile(
    r'^(?:[ \t]*\{ kind = "checksum", [^\n]*\},|package_sha(?:256|1) = \[[^\n]*\]|disk_image_sha1 = \[[^\n]*\])\n', re.MULTILINE
)


def write_test_manifests(folder: Path, trust: Trust, *, keep_genuine_bytes: bool = False) -> Path:
    """Write a complete catalogue trusting ``trust`` (and nobody else) into ``folder`` and return it.

    ``keep_genuine_bytes`` leaves the pins of the vendors' own files in, for tests that install such files.
    """
    for name, content in read_manifests(embedded_folder()).items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        text = content.decode()
        if name == "trust.toml":
            text = trust_toml(trust)
        elif name == "sources.toml":
            # An array's last element may be followed by a comma: the new one goes first.
            text = text.replace("source = [\n", 'source = [\n    { tag = "LAB", title = "The test laboratory of this project" },\n', 1)
        elif name.startswith("components/") and not keep_genuine_bytes:
            text = _GENUINE_BYTES.sub("", text)
        target.write_text(text, encoding="utf-8")
    return folder


def trust_toml(trust: Trust) -> str:
    """``trust`` as the text of a ``trust.toml``; statements without a source get the laboratory's."""
    blocks: list[str] = []
    for key, values in (("anchor", trust.anchors), ("denied", trust.denied)):
        for value in values:
            fields = {name: content for name, content in msgspec.structs.asdict(value).items() if content is not None}
            fields["source"] = _TEST_SOURCE
            # A JSON string without non-ASCII escapes of its own is a TOML basic string; these values hold no control characters.
            blocks.append(f"[[{key}]]\n" + "".join(f"{name} = {json.dumps(content)}\n" for name, content in fields.items()))
    text = "\n".join(blocks) if trust.anchors else "anchor = []\n" + "\n".join(blocks)
    tomllib.loads(text)
    return text
