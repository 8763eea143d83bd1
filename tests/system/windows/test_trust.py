"""``WinVerifyTrust`` really asked. Wine takes a tampered package and an unknown root for good: the call and a refusal are proven here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.windows import installers

if TYPE_CHECKING:
    from lab.windows.practice import Practice

pytestmark = [pytest.mark.wine, pytest.mark.system, pytest.mark.slow]

ASK = r"""
import contextlib, pathlib
from atsam_safe.packages.limits import DEFAULT_LIMITS
from atsam_safe.packages.reading import PinnedFile
from atsam_safe.packages.windows_trust import ask
answer = []
for one in given:
    with contextlib.closing(PinnedFile.open(pathlib.Path(one), DEFAULT_LIMITS)) as file:
        answer.append(ask(file))
"""


def test_windows_is_asked_about_the_open_file(practice: Practice) -> None:
    unsigned = installers.build(installers.galss(), practice.folder / "not-signed.msi")
    signed = next(iter(sorted(practice.old.glob("galss*"))))
    answers = practice.windows.evaluate(ASK, [practice.windows.path(unsigned), practice.windows.path(signed)])
    assert answers == [0x800B0100, 0]
