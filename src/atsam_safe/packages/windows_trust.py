"""What Windows itself says of a signature (``WinVerifyTrust``): a second witness on a running Windows, which can only make us stricter.

Our own check (``authenticode``) decides everywhere alike. Windows knows more: certificates it was told to distrust, and revocations it
has already seen. It is asked without a dialogue, without the network, about the very file that is open here. What it cannot know
without the network (a root it has not fetched yet) is said and refuses nothing.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.packages.model import ReasonFact, SignatureFact

if TYPE_CHECKING:
    from atsam_safe.packages.reading import PinnedFile

TRUSTED: Final = 0
# Not signed as Windows sees it; the content is not what was signed.
_INVALID: Final = frozenset({0x800B0100, 0x80096010, 0x8009200E, 0x80092003})
# Expired without a time stamp, explicitly distrusted, revoked (two spellings), used for what it is not for.
_DISTRUSTED: Final = frozenset({0x800B0101, 0x800B0111, 0x800B010C, 0x80092010, 0x800B0110})


def weigh(signature: SignatureFact, answer: int | None) -> tuple[SignatureFact, tuple[str, ...]]:
    """The verdict after Windows' answer, and warnings (pure). A refusal of ours stays one; ``None``: Windows could not be asked."""
    if signature.verdict != "authenticode" or answer in {None, TRUSTED}:
        return signature, ()
    code = f"0x{answer:08X}"
    if answer in _INVALID:
        params = {"part": "WinVerifyTrust", "fault": code, "reason": code}
        reason = ReasonFact(ref="package.signature-invalid", params=params)
        return msgspec.structs.replace(signature, verdict="refused", reasons=(*signature.reasons, reason)), ()
    if answer in _DISTRUSTED:
        reason = ReasonFact(ref="package.denied-signer", params={"certificate": f"{signature.signer or '?'} (WinVerifyTrust {code})"})
        return msgspec.structs.replace(signature, verdict="untrusted", reasons=(*signature.reasons, reason)), ()
    return signature, (f"windows-does-not-confirm:{code}",)


def ask(file: PinnedFile) -> int | None:
    """Windows' answer as an unsigned HRESULT; ``None`` on other systems, or when it could not be asked."""
    if sys.platform == "win32":
        from atsam_safe.packages import wintrust  # noqa: PLC0415 - exists on Windows alone

        return wintrust.verify(file.descriptor)
    return None
