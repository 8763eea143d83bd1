"""The check for ready wheels: markers are judged for the machine in question, and what pip did not see is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from scripts import check_wheels
from scripts.check_wheels import MACHINES, MOJAVE, MOJAVE_PINS, PYTHONS, Unresolved, applicable, differences, environment, pins, resolve

if TYPE_CHECKING:
    from collections.abc import Callable

    from scripts.check_wheels import Machine

    Report = dict[str, Any]

WINDOWS = MACHINES[-1]
LINES = ["a>=1", "b ; sys_platform == 'win32'", "c ; platform_system == 'Darwin' and python_version >= '3.12'", "d ; extra == 'x'"]


@pytest.mark.parametrize(
    ("machine", "python", "names"),
    [(WINDOWS, "3.11", ["a", "b"]), (MOJAVE, "3.11", ["a"]), (MOJAVE, "3.13", ["a", "c"])],
)
def test_markers_are_judged_for_the_machine_in_question(machine: Machine, python: str, names: list[str]) -> None:
    assert [requirement.name for requirement in applicable(LINES, environment(machine, python))] == names


def registry(packages: dict[str, list[str]]) -> Callable[[list[str], Machine, str], Report]:
    """A pip that evaluates markers for Linux, whatever it is asked: it never follows a marked requirement."""

    def ask(requirements: list[str], machine: Machine, python: str) -> Report:  # noqa: ARG001 - the signature is the real one's
        names, queue = [], [line.partition(">")[0].partition("[")[0] for line in requirements]
        while queue:
            name = queue.pop()
            if name not in packages:
                raise Unresolved(f"no wheel for {name}")
            if name not in names:
                names.append(name)
                queue += [line for line in packages[name] if ";" not in line]
        return {"install": [{"metadata": {"name": name, "version": "1", "requires_dist": packages[name]}} for name in names]}

    return ask


def test_what_only_the_other_machine_needs_is_asked_for_until_nothing_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    marked = "; platform_system == 'Windows'"
    packages = {"a": [f"winonly {marked}"], "winonly": [f"deeper {marked}"], "deeper": []}
    monkeypatch.setattr(check_wheels, "ask_pip", registry(packages))
    assert set(resolve(["a>=1"], WINDOWS, "3.11")) == {"a", "winonly", "deeper"}
    assert set(resolve(["a>=1"], MOJAVE, "3.11")) == {"a"}


def test_a_wheel_missing_only_on_the_other_machine_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_wheels, "ask_pip", registry({"a": ["compiled ; sys_platform == 'darwin'"]}))
    assert set(resolve(["a>=1"], WINDOWS, "3.11")) == {"a"}
    with pytest.raises(Unresolved, match="compiled"):
        resolve(["a>=1"], MOJAVE, "3.11")


def test_a_requirement_that_never_settles_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = {"install": [{"metadata": {"name": "a", "version": "1", "requires_dist": ["b"]}}]}
    monkeypatch.setattr(check_wheels, "ask_pip", lambda *_: endless)
    with pytest.raises(Unresolved, match="still missing"):
        resolve(["a"], MOJAVE, "3.11")


def test_pins_and_newest_set_are_compared() -> None:
    assert differences({"a": "1.0", "b": "1"}, {"a": "1", "b": "1"}) == []
    assert differences({"a": "1", "b": "1"}, {"a": "2", "c": "3"}) == [
        "a: pinned 1, newest possible 2",
        "b 1 is pinned and not needed",
        "c 3 is needed and not pinned",
    ]


@pytest.mark.parametrize("python", PYTHONS)
def test_the_pins_of_the_storys_machine(python: str) -> None:
    pinned = pins(MOJAVE_PINS, environment(MOJAVE, python))
    assert pinned["cryptography"] == "48.0.1"
    assert "pyscard" in pinned
    wanted = {requirement.name for requirement in applicable(check_wheels.dependencies(), environment(MOJAVE, python))}
    assert wanted <= pinned.keys()
