"""Our certificates in the system keychain, and the old ones that ours take away: kept with the snapshot, and brought back with their trust.

What the vendors' scripts only take away (obsolete roots) is put back when it was there, and never removed: nothing of ours brings it.

The keychain file itself is never copied: it holds other people's secrets. Certificates are public, and only those the catalogue knows are
kept. That a certificate is in the keychain again says nothing about trust, which is proven separately (``trust``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from atsam_safe.words.model import Problem
from atsam_safe.workstation.macos import security, trust

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.workstation.macos.mac import Mac


class KeptCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that was in the system keychain. ``trusted``: it has to be a trusted root again."""

    sha1: str
    pem: str
    trusted: bool
    label: str | None = None


class KeptKeychain(msgspec.Struct, frozen=True, kw_only=True):
    """What was there. ``ours``: SHA-1 of what the components add, ``names`` of what they make on the spot.

    ``trust_known``: ``trusted`` is what the Mac said; otherwise it is what the catalogue says of the certificate's role.
    """

    certificates: tuple[KeptCertificate, ...]
    ours: tuple[str, ...]
    names: tuple[str, ...]
    trust_known: bool


def ours_of(catalogue: Catalogue) -> tuple[set[str], set[str], set[str]]:
    """SHA-1 of what the components add, names of what they make on the spot (shared names left out), SHA-1 of the roots."""
    rules = [rule for component in catalogue.core for rule in component.certificates if rule.role != "obsolete"]
    ours = {rule.sha1.upper() for rule in rules if rule.sha1 is not None}
    names = {rule.common_name for rule in rules if rule.sha1 is None and not rule.shared}
    roots = {rule.sha1.upper() for rule in rules if rule.sha1 is not None and rule.role == "root"}
    return ours, names, roots


def taken_away(catalogue: Catalogue) -> set[str]:
    """SHA-1 of what the components' scripts take out of the keychain, as far as it is known."""
    rules = [rule for component in catalogue.core for rule in component.certificates if rule.role == "obsolete"]
    return {rule.sha1.upper() for rule in rules if rule.sha1 is not None}


def keep(workstation: Mac, catalogue: Catalogue) -> KeptKeychain | None:
    """These certificates and whether the Mac trusts each; ``None`` when the keychain cannot be read."""
    ours, names, roots = ours_of(catalogue)
    known = ours | taken_away(catalogue)
    found = security.CERTIFICATES.ask(workstation.runner)
    if found is None:
        return None
    texts = security.CERTIFICATE_TEXTS.ask(workstation.runner)
    labels = trust.trusted_labels(workstation.runner)
    return KeptKeychain(
        certificates=tuple(
            KeptCertificate(
                sha1=one.sha1,
                pem=texts[one.sha1],
                trusted=one.sha1 in roots if labels is None else one.label in labels,
                label=one.label,
            )
            for one in found
            if (one.sha1 in known or one.label in names) and one.sha1 in texts
        ),
        ours=tuple(sorted(ours)),
        names=tuple(sorted(names)),
        trust_known=labels is not None,
    )


def bring_back(workstation: Mac, kept: KeptKeychain) -> tuple[Problem, ...]:
    """What the components added since goes, by its hash; what went is added again; then the same for trust. Proven by asking again."""
    runner = workstation.runner
    before = {one.sha1: one for one in kept.certificates}
    now = _present(workstation, kept)
    if now is None:
        return (Problem(ref="macos.cannot-be-asked", params={"command": security.SECURITY}),)
    labels = trust.trusted_labels(runner)
    asked = _distrust(workstation, kept, now, labels)
    for sha1 in sorted(now.keys() - before.keys()):
        security.delete_certificate(runner, sha1)
    gone = before.keys() - now.keys()
    for sha1 in sorted(gone):
        # Root may always do this; whether macOS also lets it be trusted is another question.
        security.add_certificate(runner, before[sha1].pem)
    proven = before.keys() if kept.trust_known else gone
    wanted = [one for sha1, one in sorted(before.items()) if sha1 in proven and one.trusted]
    missing = [one for one in wanted if one.sha1 in gone or not trust.is_trusted(runner, one.label, one.pem, labels)]
    asked |= trust.change_trust(workstation, tuple(one.pem for one in missing), trusted=True)
    if asked:
        workstation.notes.append(Problem(ref="macos.password-window"))
    return (*_as_before(workstation, kept), *_trusted_again(workstation, wanted))


def _distrust(workstation: Mac, kept: KeptKeychain, now: dict[str, str | None], labels: frozenset[str] | None) -> bool:
    """End the trust that was not there before, while the certificates are still in the keychain: afterwards nobody lists it any more."""
    before = {one.sha1: one for one in kept.certificates}
    known = {sha1 for sha1 in now if sha1 not in before or (kept.trust_known and not before[sha1].trusted)}
    extra = {sha1: label for sha1, label in now.items() if sha1 in known and label is not None and label in (labels or ())}
    if not extra:
        return False
    texts = security.CERTIFICATE_TEXTS.ask(workstation.runner)
    asked = trust.change_trust(workstation, tuple(texts[sha1] for sha1 in sorted(extra) if sha1 in texts), trusted=False)
    left = trust.trusted_labels(workstation.runner)
    names = sorted({label for label in extra.values() if left is None or label in left})
    if names:
        params = {"certificates": ", ".join(names)}
        workstation.notes.append(Problem(ref="macos.trust-left", params=params, evidence={"certificates": names}))
    return asked


def _as_before(workstation: Mac, kept: KeptKeychain) -> tuple[Problem, ...]:
    after = _present(workstation, kept)
    before = {one.sha1 for one in kept.certificates}
    if after is not None and after.keys() == before:
        return ()
    count = "?" if after is None else str(len(after.keys() ^ before))
    return (Problem(ref="macos.certificates-differ", params={"count": count}),)


def _trusted_again(workstation: Mac, wanted: list[KeptCertificate]) -> tuple[Problem, ...]:
    """Ask whether every certificate that has to be trusted is."""
    if not wanted:
        return ()
    labels = trust.trusted_labels(workstation.runner)
    lost = [one.label or one.sha1 for one in wanted if not trust.is_trusted(workstation.runner, one.label, one.pem, labels)]
    if not lost:
        return ()
    return (Problem(ref="macos.trust-not-restored", params={"certificates": ", ".join(lost)}, evidence={"certificates": lost}),)


def _present(workstation: Mac, kept: KeptKeychain) -> dict[str, str | None] | None:
    """SHA-1 → name of our certificates that are in the keychain now, and of those that were there before, whoever they belong to."""
    found = security.CERTIFICATES.ask(workstation.runner)
    if found is None:
        return None
    expected = {*kept.ours, *(one.sha1 for one in kept.certificates)}
    return {one.sha1: one.label for one in found if one.sha1 in expected or one.label in kept.names}
