"""A component that stands twice, in 32 and in 64 bits: each width is judged by itself, as at the end of an installation."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from atsam_safe.facts.model import Facts, InstalledProduct, OperatingSystem, PathFact, SystemState
from atsam_safe.verify import assess
from atsam_safe.verify.verification import verify_against
from lab.decisions import ROOM, shipped_catalogue

STATE = msgspec.json.decode((Path(__file__).parent / "field_states/win-06-after.json").read_bytes())
SEVERAL, BOTH, UNKNOWN = "component.several-products", "component.both-widths", "component.unknown-release"


def galss(text: str) -> InstalledProduct:
    """``3.45.01 x64``: as such a package names itself."""
    version, _, width = text.partition(" ")
    short = ".".join(version.split(".")[:2])
    return InstalledProduct(
        code=f"{{{version}-{width}}}",
        name=f"GALSS v{short} x64" if width == "x64" else f"GALSS v{short}",
        version=version,
        architecture="x86_64" if width == "x64" else "i386",
    )


def workstation(*present: str) -> Facts:
    """A workstation seen in the field, with these in the place of its GALSS."""
    others = tuple(InstalledProduct(**product) for product in STATE["products"] if not product["name"].startswith("GALSS"))
    return Facts(
        adapter="windows",
        os=OperatingSystem(family="windows", **STATE["os"]),
        products=(*map(galss, present), *others),
        paths=tuple(PathFact(path=place, kind="directory", mode=0o755, uid=0, gid=0) for place in STATE["paths"]),
        space=ROOM,
        system=SystemState(elevated=True),
    )


# What is registered → the version the set is judged by, what is told of GALSS; ``several``: the one that serves, and the older one.
CASES: dict[str, tuple[tuple[str, ...], str, set[str], tuple[str, str] | None]] = {
    "one": (("3.45.01 x64",), "3.45.01", set(), None),
    "the same release in both": (("3.45.01 x64", "3.45.01 x86"), "3.45.01", set(), None),
    "an older one of 32 bits": (("3.45.01 x64", "3.40.00 x86"), "3.45.01", {BOTH, UNKNOWN}, None),
    "a newer one of 64 bits": (("3.50.00 x64", "3.45.01 x86"), "3.45.01", {BOTH, UNKNOWN}, None),
    "a known older one of 64 bits": (("3.43.04 x64", "3.45.01 x86"), "3.45.01", {BOTH}, None),
    "two of one width": (("3.43.04 x64", "3.45.01 x64"), "3.45.01", {SEVERAL}, ("3.45.01", "3.43.04")),
    "three": (("3.45.01 x64", "3.40.00 x86", "3.38.00 x86"), "3.45.01", {BOTH, UNKNOWN, SEVERAL}, ("3.40.00", "3.38.00")),
}


@pytest.mark.parametrize("case", CASES)
def test_each_width_is_judged_by_itself(case: str) -> None:
    present, version, told, several = CASES[case]
    seen = assess(workstation(*present), shipped_catalogue())
    state = seen.component("galss")
    assert state is not None
    assert (state.state, state.version, seen.fit) == ("ok", version, True)
    findings = [finding for finding in seen.findings if finding.component == "galss"]
    assert {finding.ref for finding in findings} == told
    assert [(one.params["version"], one.params["others"]) for one in findings if one.ref == SEVERAL] == ([several] if several else [])
    assert verify_against(workstation(*present), shipped_catalogue(), None).ok


def test_what_is_listed_in_no_width_is_judged_by_the_newest() -> None:
    seen = assess(workstation("3.50.00 x86", "3.51.00 x64"), shipped_catalogue())
    assert seen.installed["galss"] == "3.51.00"
    (both,) = [finding for finding in seen.findings if finding.ref == BOTH]
    assert (both.params["wide"], both.params["narrow"], both.severity) == ("3.51.00", "3.50.00", "notice")
    assert "set.unlisted" in {finding.ref for finding in seen.findings if finding.severity == "blocking"}


def test_which_width_speaks_does_not_hang_on_the_other_components() -> None:
    """Another Cryptolib beside the two would else change the version of a GALSS that nobody touched, and undo the run."""
    facts = workstation("3.50.00 x64", "3.45.01 x86")
    alone = msgspec.structs.replace(facts, products=(facts.products or ())[:2])
    assert assess(alone, shipped_catalogue()).installed["galss"] == "3.45.01"


def test_a_program_that_is_missing_is_missed_in_either_width() -> None:
    """The 64-bit GALSS serves too: that the set is judged by the 32-bit one does not excuse it."""
    facts = workstation("3.43.04 x64", "3.45.01 x86")
    windows = PathFact(path=r"C:\Windows", kind="directory", mode=0o755, uid=0, gid=0)
    folders = {"WINDIR": r"C:\Windows", "ProgramFiles": r"C:\Program Files", "ProgramFiles(x86)": r"C:\Program Files (x86)"}
    state = assess(msgspec.structs.replace(facts, paths=(windows,), folders=folders), shipped_catalogue()).component("galss")
    assert state is not None
    assert state.missing == (r"C:\Program Files\santesocial\galss\galsvw64.exe",)
