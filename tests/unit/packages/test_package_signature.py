"""Verdicts: what a signature, its certificate, its time and its ticket are worth."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING

import msgspec
import pytest

from atsam_safe.catalogue.model import Trust
from lab.atsam import GALSS, build_component
from lab.authority import ANS, INSTALLER_PURPOSE, SIGNED_AT, Authority, Extras, Signer, issue
from lab.inspecting import NOW, InspectBytes
from lab.xar import XarOptions

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.packages.model import Inspection


def package(signer: Signer | None, **options: object) -> bytes:
    return build_component(GALSS, "3.43.02", signer, options=XarOptions(**options))  # type: ignore[arg-type]  # parametrised text


def outcome(inspection: Inspection) -> tuple[str, str | None]:
    signature = inspection.signature
    return signature.verdict, signature.reasons[0].ref if signature.reasons else None


WHILE_VALID = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize("form", ["prehashed", "double"])
@pytest.mark.parametrize("attributes", [True, False], ids=["attributes", "bare"])
@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
def test_every_genuine_form(form: str, attributes: bool, algorithm: str, authority: Authority, inspect_bytes: InspectBytes) -> None:  # noqa: FBT001 - parametrised, never passed by hand
    inspection = inspect_bytes(package(authority.signer(form=form, attributes=attributes), algorithm=algorithm))
    signature = inspection.signature
    assert outcome(inspection) == ("developer-id", None)
    assert signature.team_id == "5H8W5749XS"
    assert signature.signer == "Developer ID Installer: GIE SESAM-Vitale (5H8W5749XS)"
    assert signature.timestamped
    assert signature.signed_at == "2019-09-12T15:42:46Z"
    assert not signature.notarized
    assert signature.chain[-1] == "Racine d'essai"


def test_expired_certificate_counts_only_with_a_timestamp(authority: Authority, inspect_bytes: InspectBytes) -> None:
    without = package(authority.signer(timestamp_at=None))
    assert outcome(inspect_bytes(without)) == ("untrusted", "package.expired-certificate")
    at_the_time = inspect_bytes(without, now=WHILE_VALID)
    assert outcome(at_the_time) == ("developer-id", None)
    assert not at_the_time.signature.timestamped
    assert outcome(inspect_bytes(without, now=dt.datetime(2017, 1, 1, tzinfo=dt.UTC))) == ("untrusted", "package.certificate-not-yet-valid")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (dt.datetime(2018, 6, 13, 0, 0, 0, tzinfo=dt.UTC), "developer-id"),
        (dt.datetime(2023, 6, 14, 0, 0, 0, tzinfo=dt.UTC), "developer-id"),
        (dt.datetime(2023, 6, 14, 0, 0, 1, tzinfo=dt.UTC), "untrusted"),
        (dt.datetime(2018, 6, 12, 23, 59, 59, tzinfo=dt.UTC), "untrusted"),
    ],
)
def test_timestamp_decides_to_the_second(at: dt.datetime, expected: str, authority: Authority, inspect_bytes: InspectBytes) -> None:
    assert inspect_bytes(package(authority.signer(timestamp_at=at))).signature.verdict == expected


def test_foreign_root_with_the_same_names(foreign_authority: Authority, inspect_bytes: InspectBytes) -> None:
    assert outcome(inspect_bytes(package(foreign_authority.signer()))) == ("untrusted", "package.foreign-root")


def test_foreign_certificate_with_our_timestamp(authority: Authority, foreign_authority: Authority, inspect_bytes: InspectBytes) -> None:
    """A genuine timestamp on a stranger's signature proves when, not who."""
    inspection = inspect_bytes(package(foreign_authority.signer(tsa_by=authority)))
    assert outcome(inspection) == ("untrusted", "package.foreign-root")


def test_foreign_timestamp(authority: Authority, foreign_authority: Authority, inspect_bytes: InspectBytes) -> None:
    inspection = inspect_bytes(package(authority.signer(tsa_by=foreign_authority)), now=WHILE_VALID)
    assert outcome(inspection) == ("untrusted", "package.foreign-root")
    assert inspection.signature.reasons[0].params["part"] == "timestamp"


def test_timestamp_of_another_signature(authority: Authority, inspect_bytes: InspectBytes) -> None:
    inspection = inspect_bytes(package(authority.signer(imprint=b"\x11" * 20)))
    assert outcome(inspection) == ("refused", "package.signature-invalid")
    assert inspection.signature.reasons[0].params["fault"] == "other-signature"


def test_timestamp_by_a_certificate_for_something_else(authority: Authority, inspect_bytes: InspectBytes) -> None:
    subject = authority.certificates["tsa"].subject
    keys = authority.keys
    other = issue(subject, keys["tsa"], authority.certificates["timestamp"].subject, keys["timestamp"], authority=False)
    content = package(authority.signer(tsa_certificate=other))
    inspection = inspect_bytes(content, now=WHILE_VALID)
    assert outcome(inspection) == ("untrusted", "package.untrusted")
    assert inspection.signature.reasons[0].params["fault"] == "purpose"
    # once the signer's certificate has expired, that comes first, and the time stamp that cannot help is told behind it
    later = inspect_bytes(content).signature
    assert [(reason.ref, reason.params.get("fault")) for reason in later.reasons] == [
        ("package.expired-certificate", None),
        ("package.untrusted", "purpose"),
    ]


def test_application_certificate_is_not_an_installer_certificate(authority: Authority, inspect_bytes: InspectBytes) -> None:
    signer = Signer(authority=authority, certificate=authority.leaf(application=True))
    assert inspect_bytes(package(signer)).signature.verdict == "untrusted"


@pytest.mark.parametrize(
    "extras",
    [
        Extras(purpose=INSTALLER_PURPOSE),
        Extras(marks=(("1.2.840.113635.100.6.1.14", True),)),
        Extras(purpose=INSTALLER_PURPOSE, marks=(("1.2.840.113635.100.6.1.14", True), ("1.2.3.4", True))),
    ],
    ids=["no-mark", "no-purpose", "unknown-critical"],
)
def test_leaf_must_carry_purpose_and_mark_and_nothing_unknown(extras: Extras, authority: Authority, inspect_bytes: InspectBytes) -> None:
    signer = Signer(authority=authority, certificate=authority.leaf(extras=extras))
    assert outcome(inspect_bytes(package(signer))) == ("untrusted", "package.untrusted")


def test_leaf_only_is_completed_by_the_pinned_key(authority: Authority, inspect_bytes: InspectBytes) -> None:
    data = package(authority.signer(listed=1))
    assert outcome(inspect_bytes(data)) == ("untrusted", "package.foreign-root")
    completed = inspect_bytes(data, trust=authority.trust(intermediates=True))
    assert outcome(completed) == ("developer-id", None)
    assert completed.signature.chain[-1] == "Developer ID d'essai"


def test_leaf_and_intermediate_without_root(authority: Authority, inspect_bytes: InspectBytes) -> None:
    data = package(authority.signer(listed=2))
    assert outcome(inspect_bytes(data)) == ("untrusted", "package.foreign-root")
    assert outcome(inspect_bytes(data, trust=authority.trust(intermediates=True))) == ("developer-id", None)


def test_pinned_key_of_an_expired_intermediate(authority: Authority, inspect_bytes: InspectBytes) -> None:
    trust = authority.trust(intermediates=True)
    aged = tuple(
        msgspec.structs.replace(anchor, valid_until="2019-01-01") if anchor.role == "intermediate" else anchor for anchor in trust.anchors
    )
    assert outcome(inspect_bytes(package(authority.signer(listed=1)), trust=Trust(anchors=aged))) == (
        "untrusted",
        "package.expired-certificate",
    )


def test_denied_leaf(authority: Authority, inspect_bytes: InspectBytes) -> None:
    signer = authority.signer()
    inspection = inspect_bytes(package(signer), trust=authority.trust(denied=[signer.leaf_sha256.upper()]))
    assert outcome(inspection) == ("untrusted", "package.denied-signer")


def test_no_anchor_trusts_nobody(authority: Authority, inspect_bytes: InspectBytes) -> None:
    assert inspect_bytes(package(authority.signer()), trust=Trust()).signature.verdict == "untrusted"


def test_root_pin_of_one_role_serves_no_other(authority: Authority, inspect_bytes: InspectBytes) -> None:
    only_tickets = Trust(anchors=(authority.anchor("root", "ticket-root"),))
    assert inspect_bytes(package(authority.signer()), trust=only_tickets).signature.verdict == "untrusted"


def test_both_signatures_must_be_by_one_certificate(authority: Authority, inspect_bytes: InspectBytes) -> None:
    mixed = authority.signer(cms_by=authority.signer(ANS))
    inspection = inspect_bytes(package(mixed))
    assert outcome(inspection) == ("refused", "package.signature-invalid")
    assert inspection.signature.reasons[0].params["fault"] == "two-signers"
    assert inspection.signature.signer is None


def test_single_signatures_of_older_tools(authority: Authority, inspect_bytes: InspectBytes) -> None:
    only_rsa = inspect_bytes(package(authority.signer(with_cms=False)), now=WHILE_VALID)
    assert (outcome(only_rsa), only_rsa.signature.timestamped) == (("developer-id", None), False)
    assert outcome(inspect_bytes(package(authority.signer(with_rsa=False)))) == ("developer-id", None)


def test_stapled_ticket(authority: Authority, inspect_bytes: InspectBytes) -> None:
    data = authority.staple(package(authority.signer()))
    signature = inspect_bytes(data).signature
    assert (signature.verdict, signature.notarized, signature.notarized_at) == ("developer-id", True, "2019-09-12T15:42:46Z")


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_ticket_beside_other_checksums(algorithm: str, authority: Authority, inspect_bytes: InspectBytes) -> None:
    signature = inspect_bytes(authority.staple(package(authority.signer(), algorithm=algorithm))).signature
    assert signature.notarized == (algorithm == "sha256")


def test_ticket_after_stale_bytes_and_with_root(authority: Authority, inspect_bytes: InspectBytes) -> None:
    data = authority.staple(package(authority.signer(), stale_tail=b"\1" * 77), with_root=True)
    inspection = inspect_bytes(data)
    assert inspection.signature.notarized
    assert "trailing-bytes:77" in inspection.warnings


# how much of a ticket is left, or missing; up to three bytes of it after stale ones are stale bytes themselves
LEFT_OF_TICKET = (4, 15, 16, 17, 30, 40, -1, -15, -16, -17, -31, -72, -88, -100)


@pytest.mark.parametrize(("stale", "left"), [*((0, left) for left in (1, 2, 3, *LEFT_OF_TICKET)), *((77, left) for left in LEFT_OF_TICKET)])
def test_a_ticket_that_was_cut_short_is_damage(stale: int, left: int, authority: Authority, inspect_bytes: InspectBytes) -> None:
    """A download that broke off in its last kilobyte was accepted, and the notarisation vanished without a word."""
    whole = package(authority.signer(), stale_tail=b"\1" * stale)
    inspection = inspect_bytes(whole + authority.staple(whole)[len(whole) :][:left])
    assert outcome(inspection) == ("refused", "package.damaged")
    assert inspection.signature.reasons[0].params["fault"] in {"cut-short", "trailer"}


def test_every_bit_of_the_last_trailer_counts_but_for_the_reserved(authority: Authority, inspect_bytes: InspectBytes) -> None:
    data = authority.staple(package(authority.signer()))
    for place in range(len(data) - 16, len(data) - 4):
        changed = bytearray(data)
        changed[place] ^= 1
        assert inspect_bytes(bytes(changed)).signature.verdict == "refused", place - len(data)


def test_more_behind_an_archive_than_any_tool_leaves_is_damage(authority: Authority, inspect_bytes: InspectBytes) -> None:
    whole = package(authority.signer())
    assert outcome(inspect_bytes(whole + b"\1" * 4095)) == ("developer-id", None)
    assert outcome(inspect_bytes(whole + b"\1" * 4096)) == ("refused", "package.damaged")
    assert outcome(inspect_bytes(authority.staple(whole) + b"\1")) == ("refused", "package.damaged")
    assert outcome(inspect_bytes(package(authority.signer(), attributes=3) + b"\1" * 5000)) == ("developer-id", None)


def test_ticket_of_another_package(authority: Authority, inspect_bytes: InspectBytes) -> None:
    inspection = inspect_bytes(authority.staple(package(authority.signer()), other_digest=b"\7" * 20))
    assert outcome(inspection) == ("refused", "package.signature-invalid")
    assert inspection.signature.reasons[0].params["part"] == "ticket"


def test_ticket_of_an_unknown_authority_proves_nothing(
    authority: Authority, foreign_authority: Authority, inspect_bytes: InspectBytes
) -> None:
    inspection = inspect_bytes(foreign_authority.staple(package(authority.signer())))
    assert outcome(inspection) == ("developer-id", None)
    assert not inspection.signature.notarized
    assert "ticket-authority-unknown" in inspection.warnings


def test_same_time_different_clock_zones(authority: Authority, inspect_bytes: InspectBytes) -> None:
    paris = dt.timezone(dt.timedelta(hours=1))
    assert inspect_bytes(package(authority.signer()), now=NOW.astimezone(paris)).signature.signed_at == f"{SIGNED_AT:%Y-%m-%dT%H:%M:%SZ}"


def test_authority_is_the_same_after_loading(authority: Authority, inspect_bytes: InspectBytes, tmp_path: Path) -> None:
    folder = tmp_path / "authority"
    authority.save(folder)
    again = Authority.load(folder)
    assert again.trust() == authority.trust()
    assert outcome(inspect_bytes(package(again.signer()))) == ("developer-id", None)


def test_signer_fields_are_documented() -> None:
    documented = Signer.__doc__ or ""
    assert all(word in documented for word in ("form", "attributes", "timestamp_at", "imprint", "listed", "cms_by"))
    assert {field.name for field in dataclasses.fields(Signer)} >= {"tsa_by", "tsa_certificate"}
