"""``restore.ps1`` read by a PowerShell grammar: no PowerShell is at hand where the tests run, so it is never executed here.

A slip of syntax would only be met on the day it is needed. The same way back is really run as ``restore.cmd`` (``test_restore_cmd.py``).
"""

from __future__ import annotations

import ntpath
import re
from typing import TYPE_CHECKING

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Parser

from atsam_safe.snapshot import powershell
from atsam_safe.volume.state_place import RESERVE, RESERVE_BESIDE, WINDOWS_PLACE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node

# What the script may call: parts of PowerShell 5 as every Windows 10 has it, its own functions, and programs by an absolute path.
ALLOWED = frozenset(
    [
        "Split-Path",
        "Join-Path",
        "Write-Host",
        "Get-Item",
        "Get-Content",
        "ConvertFrom-Json",
        "Test-Path",
        "Get-FileHash",
        "New-Object",
        "New-Item",
        "Copy-Item",
        "Start-Process",
        "Where-Object",
        "Sort-Object",
        "ForEach-Object",
        "Remove-Item",
        "Get-ChildItem",
        "Move-Item",
        "Out-Null",
        "Set-Service",
        "Start-Service",
        "Set-StrictMode",
        "Fail",
        "Refuse",
        "Host-Path",
        "Object-Of",
        "Is-Link",
        "Guard",
        "Run-Installer",
    ]
)
# Without it a bracket in a name would be a pattern that matches other files.
BY_EXACT_PATH = ("Get-Item", "Get-Content", "Test-Path", "Get-FileHash", "Copy-Item", "Remove-Item", "Get-ChildItem", "Move-Item")


def parse(script: bytes) -> Node:
    return Parser(Language(tree_sitter_powershell.language())).parse(script).root_node


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from nodes(child)


def text(node: Node) -> str:
    return (node.text or b"").decode()


def test_the_script_follows_the_grammar() -> None:
    assert not parse(powershell.SCRIPT).has_error
    assert powershell.SCRIPT.isascii()


@pytest.mark.parametrize(("part", "broken"), [(b"exit 0 }", b"exit 0"), (b"foreach (", b"foreach "), (b"'Stop'", b"'Stop")])
def test_a_slip_of_syntax_would_be_seen(part: bytes, broken: bytes) -> None:
    assert part in powershell.SCRIPT
    assert parse(powershell.SCRIPT.replace(part, broken, 1)).has_error


def test_only_known_commands_and_programs_by_their_whole_path() -> None:
    commands = [node for node in nodes(parse(powershell.SCRIPT)) if node.type == "command"]
    names = [text(name) for node in commands for name in node.children if name.type == "command_name"]
    assert len(names) > 40
    assert set(names) <= ALLOWED
    started = [text(name) for node in commands for name in node.children if name.type == "command_name_expr"]
    assert started
    assert all(name.startswith('"$env:SystemRoot\\System32\\') for name in started)


def test_names_with_brackets_are_names() -> None:
    commands = [text(node) for node in nodes(parse(powershell.SCRIPT)) if node.type == "command" and text(node).startswith(BY_EXACT_PATH)]
    assert len(commands) > 15
    assert [command for command in commands if "-LiteralPath" not in command] == []


def test_a_product_that_is_refused_stops_nothing_and_is_told_at_the_end() -> None:
    """Up to the first file nothing but the snapshot itself can stop the script; what was refused ends it with 1."""
    script = powershell.SCRIPT.decode()
    products = script[script.index("if ($Check) { exit 0 }") : script.index("'absent'")]
    assert not {"Fail", "exit 1"} & set(re.findall(r"\bFail\b|\bexit 1\b", products))
    assert products.count("Refuse ") == 3
    last = script[script.rindex("if ($script:refused") :]
    assert last.index("Fail ") < last.index("Termine. / Done.")


def test_the_room_of_the_way_back_is_given_back_before_anything_is_written_and_at_the_same_places() -> None:
    script = powershell.SCRIPT.decode()
    spared = script[script.index("if ($Check) { exit 0 }") : script.index("if ($kept) {")]
    assert f"Join-Path $state '{ntpath.normpath(RESERVE)}'" in spared
    assert f"Join-Path $Root '{ntpath.normpath(WINDOWS_PLACE)}\\{RESERVE_BESIDE}'" in spared
    assert spared.index("Is-Link") < spared.index("Remove-Item -LiteralPath $spare")
