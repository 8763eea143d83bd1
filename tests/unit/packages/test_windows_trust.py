"""Windows' own word on a signature can make ours stricter and never weaker."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atsam_safe.packages.model import SignatureFact
from atsam_safe.packages.windows_trust import weigh

GOOD = SignatureFact(verdict="authenticode", signer="Somebody")


@pytest.mark.parametrize("answer", [None, 0])
def test_what_windows_confirms_or_cannot_be_asked_about_stays(answer: int | None) -> None:
    assert weigh(GOOD, answer) == (GOOD, ())


@pytest.mark.parametrize(
    ("answer", "verdict", "ref"),
    [
        (0x800B0100, "refused", "package.signature-invalid"),
        (0x80096010, "refused", "package.signature-invalid"),
        (0x800B010C, "untrusted", "package.denied-signer"),
        (0x800B0111, "untrusted", "package.denied-signer"),
        (0x800B0101, "untrusted", "package.denied-signer"),
    ],
)
def test_what_windows_refuses_is_refused_with_its_code(answer: int, verdict: str, ref: str) -> None:
    signature, warnings = weigh(GOOD, answer)
    assert (signature.verdict, signature.reasons[-1].ref, warnings) == (verdict, ref, ())
    assert f"0x{answer:08X}" in str(signature.reasons[-1].params)


def test_a_root_that_windows_has_not_fetched_yet_is_said_and_refuses_nothing() -> None:
    assert weigh(GOOD, 0x800B0109) == (GOOD, ("windows-does-not-confirm:0x800B0109",))


@given(
    verdict=st.sampled_from(["refused", "unsigned", "untrusted", "developer-id"]),
    answer=st.none() | st.integers(0, 2**32 - 1) | st.sampled_from([0, 0x800B0100, 0x800B0109]),
)
def test_nothing_windows_says_makes_a_refusal_of_ours_weaker(verdict: str, answer: int | None) -> None:
    ours = SignatureFact(verdict=verdict)  # type: ignore[arg-type]  # one of the verdicts
    assert weigh(ours, answer) == (ours, ())
