"""Our reading of launch conditions beside that of ``msi.dll``, which is what decides on a workstation."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

import pytest

from atsam_safe.packages.launch_condition import ConditionError, evaluate, parse
from lab.windows import installers
from lab.windows.practice import changed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.windows.practice import Practice

pytestmark = [pytest.mark.wine, pytest.mark.system, pytest.mark.slow]

PROPERTIES: Final = {
    "EMPTY": "",
    "ZERO": "0",
    "FIVE": "5",
    "MINUS": "-7",
    "BIG": "70000",
    "ABC": "abc",
    "UPPER": "ABC",
    "AB": "ab",
    "PADDED": "05",
    "LONG": "4294967297",
    "SPACE": " 5",
    "FLOAT": "5.0",
    "Mixed.name": "x",
}
TERMS: Final = (*PROPERTIES, "NOWHERE", "0", "5", "-7", "1", "70000", "65541", '""', '"5"', '"abc"', '"ABC"', '"b"', '"x"', '"0"')
OPERATORS: Final = ("=", "<>", "<", "<=", ">", ">=", "><", "<<", ">>")
ODD: Final = (
    "(",
    "A B",
    "NOT",
    "FIVE AND",
    '"a" "b"',
    "FIVE == 5",
    "FIVE + 5",
    "'a'",
    "1a",
    'FIVE="5',
    "FIVE AND(ZERO OR FIVE)",
    "ABC~=UPPER",
)
ASK: Final = r"""
import ctypes
msi, package = ctypes.WinDLL("msi"), ctypes.c_uint()
assert msi.MsiOpenPackageW(given["package"], ctypes.byref(package)) == 0
for name, value in given["properties"].items():
    assert msi.MsiSetPropertyW(package, name, value) == 0

def told(name):
    buffer, size = ctypes.create_unicode_buffer(256), ctypes.c_uint(256)
    msi.MsiGetPropertyW(package, name, buffer, ctypes.byref(size))
    return buffer.value

answer = [[msi.MsiEvaluateConditionW(package, one) for one in given["conditions"]], {name: told(name) for name in given["names"]}]
msi.MsiCloseHandle(package)
"""


def conditions() -> Iterator[str]:
    """Some thousand conditions, always the same. Of NOT, AND and OR alone is the order the same in both: the rest is in brackets."""
    chance = random.Random(20261)  # noqa: S311 - always the same conditions

    def comparison() -> str:
        if chance.random() < 0.2:
            return chance.choice(TERMS)
        return f"{chance.choice(TERMS)} {chance.choice(('', '', '~'))}{chance.choice(OPERATORS)} {chance.choice(TERMS)}"

    def connected(depth: int) -> str:
        if depth == 0 or chance.random() < 0.3:
            return comparison()
        if chance.random() < 0.3:
            return f"NOT ({connected(depth - 1)})"
        return f"({connected(depth - 1)}) {chance.choice(('AND', 'OR', 'XOR', 'EQV', 'IMP', 'and'))} ({connected(depth - 1)})"

    yield from ODD
    yield from (comparison() for _ in range(2_500))
    yield from (connected(3) for _ in range(500))
    yield from (f"{comparison()} OR NOT {comparison()} AND {comparison()}" for _ in range(200))


def ask(practice: Practice, properties: dict[str, str], asked: list[str], names: list[str]) -> Any:  # noqa: ANN401 - any JSON
    package = practice.old / "galss-3.45.01.msi"
    given = {"package": practice.windows.path(package), "properties": properties, "conditions": asked, "names": names}
    return practice.windows.evaluate(ASK, given)


def test_every_answer_of_ours_is_windows_installers(practice: Practice) -> None:
    asked = list(conditions())
    answers, _told = ask(practice, PROPERTIES, asked, [])
    differing: dict[str, object] = {}
    unsure = 0
    for text, theirs in zip(asked, answers, strict=True):
        try:
            ours = evaluate(parse(text), lambda name: PROPERTIES.get(name, ""))
        except ConditionError:
            ours = None
        unsure += ours is None
        if ours is not None and theirs != int(ours):
            differing[text] = theirs
    assert differing == {}
    # what is not documented (numbers beyond 32 bits, « ~ » before an operator of bits) is left open, and nothing else
    assert unsure < len(asked) // 12


def test_what_a_package_would_be_told_of_this_computer_is_what_we_say(practice: Practice) -> None:
    """The false condition is refused before anything is touched; ``msiexec`` itself refuses the same package, and takes the other one."""
    practice.reset()
    names = ["VersionNT", "VersionNT64", "WindowsBuild", "ServicePackLevel", "MsiNTProductType", "Intel64"]
    _answers, told = ask(practice, {}, [], names)
    sure = " AND ".join(f"{name} = {told[name]}" if told[name] else f"NOT {name}" for name in names)
    refusing = changed(installers.NEW_SET[2], condition=("VersionNT < 600", "[ProductName] demande un Windows plus ancien."))
    folder = practice.packages("refusing", (*installers.NEW_SET[:2], refusing))
    answer = practice.ask("check", practice.windows.path(folder), status=10)
    (failed,) = [rule for rule in answer["data"]["rules"] if rule["outcome"] == "fail"]
    assert failed["ref"] == "package.launch-condition"
    assert "Composant SrvSvCnam 5.10.04 demande un Windows plus ancien." in failed["what"]
    accepting = changed(
        installers.NEW_SET[2], condition=(f"(({sure}) AND Msix64 AND Privileged AND NOT Installed) OR Installed", "Jamais.")
    )
    folder = practice.packages("accepting", (*installers.NEW_SET[:2], accepting))
    answer = practice.ask("check", practice.windows.path(folder))
    (rule,) = [rule for rule in answer["data"]["rules"] if rule["ref"] == "package.launch-condition"]
    assert (rule["outcome"], rule["notice"]) == ("pass", False), (rule, sure)
    run = "import subprocess; answer = [subprocess.run(['msiexec', '/i', one, '/qn']).returncode for one in given]"
    name = "srvsvcnam-5.10.04.msi"
    packages = [practice.windows.path(practice.folder / kind / name) for kind in ("refusing", "accepting")]
    assert practice.windows.evaluate(run, packages) == [1603, 0]
