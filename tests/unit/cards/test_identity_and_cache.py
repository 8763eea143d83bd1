from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization

from atsam_safe.cards.cache import cached_files, cached_serial, clear_files, inspect_cache
from atsam_safe.cards.certificates import authentication_certificate, examine, pinned_authorities, signed_by
from atsam_safe.cards.identity import KEY_FILE, holder_of, identify, load_key
from atsam_safe.cards.model import CardError
from atsam_safe.catalogue.model import CertificateRule
from atsam_safe.volume import primitives
from atsam_safe.volume.volume import Volume
from lab.card.authority import TODAY, authority, certificate

if TYPE_CHECKING:
    from pathlib import Path

SERIAL = bytes.fromhex("8025000001260001235F")
RULES = (
    CertificateRule(
        common_name="AC LABORATOIRE PERSONNES", sha256=authority().sha256, role="intermediate", source="lab", certainty="confirmed"
    ),
)


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    first, second = load_key(folder), load_key(folder)
    assert first.kept
    assert first.name == second.name
    assert first.digest("card", SERIAL) == second.digest("card", SERIAL)
    assert (folder / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in folder.iterdir()] == [KEY_FILE]


def test_two_workstations_cannot_be_compared(tmp_path: Path) -> None:
    one, other = load_key(tmp_path / "a"), load_key(tmp_path / "b")
    assert identify(one, SERIAL, certificate()).card != identify(other, SERIAL, certificate()).card


def test_two_purposes_cannot_be_linked(tmp_path: Path) -> None:
    key = load_key(tmp_path)
    assert key.digest("card", SERIAL) != key.digest("holder", SERIAL)
    assert SERIAL.hex() not in repr(key)


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_damaged_key_is_not_used(tmp_path: Path, content: bytes) -> None:
    (tmp_path / KEY_FILE).write_bytes(content)
    assert not load_key(tmp_path).kept


def test_a_link_in_the_key_s_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"k" * 32)
    (tmp_path / KEY_FILE).symlink_to(tmp_path / "elsewhere")
    assert not load_key(tmp_path).kept


def test_the_holder_is_the_whole_subject() -> None:
    assert holder_of(certificate()) == holder_of(certificate(use="signature"))
    assert holder_of(certificate()) != holder_of(certificate(holder="autre"))
    assert holder_of(b"no certificate") is None


def test_an_authority_counts_by_its_fingerprint_only() -> None:
    assert [found.name for found in pinned_authorities([authority().der], RULES)] == ["AC LABORATOIRE PERSONNES"]
    text = authority().certificate.public_bytes(serialization.Encoding.PEM)
    assert [found.name for found in pinned_authorities([text, b"-----BEGIN nothing"], RULES)] == ["AC LABORATOIRE PERSONNES"]
    assert pinned_authorities([authority("AC LABORATOIRE PERSONNES BIS").der, b"", b"x" * 100_000], RULES) == ()


@pytest.mark.parametrize(
    ("data", "issuer", "dates"),
    [
        (certificate(), "pinned", "valid"),
        (certificate(last_day=-1), "pinned", "expired"),
        (certificate(first_day=1), "pinned", "not-yet"),
        (certificate(forged=True), "foreign", "valid"),
        (certificate(issuer="AC INCONNUE"), "foreign", "valid"),
    ],
)
def test_dates_and_issuer_of_a_certificate(tmp_path: Path, data: bytes, issuer: str, dates: str) -> None:
    authorities = pinned_authorities([authority().der], RULES)
    fact = examine(data, key=load_key(tmp_path), authorities=authorities, rules=RULES, now=TODAY, on_card=(data,))
    assert fact is not None
    assert (fact.issuer, fact.dates, fact.on_card) == (issuer, dates, True)
    assert fact.use == "authentication"


def test_what_is_no_certificate_is_none(tmp_path: Path) -> None:
    for data in (b"", b"\x30\x00", b"x" * 100, certificate()[:-20], b"x" * 20_000):
        assert examine(data, key=load_key(tmp_path), authorities=(), rules=RULES, now=TODAY, on_card=None) is None
    assert authentication_certificate([b"x", certificate(use="signature"), certificate()]) == certificate()
    assert not signed_by(b"x", b"", b"")
    assert not signed_by(certificate(), b"message", b"no signature")


def test_the_cache_is_counted_and_compared_without_being_shown(tmp_path: Path) -> None:
    key = load_key(tmp_path / "state")
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.chmod(0o777)
    for name in ("8025000001260001235F_20240101_3F00", "8025000001260001235F_20240101_D101", "autre"):
        (cache / name).write_bytes(b"xxxx")
    fact = inspect_cache(cache, key)
    assert (fact.exists, fact.files, fact.bytes, fact.other, fact.world_writable) == (True, 3, 12, 1, True)
    assert fact.cards == (cached_serial(key, "8025000001260001235F"),)
    assert "26000123" not in repr(fact)


def test_clearing_removes_files_and_links_and_nothing_else(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (cache / "dossier").mkdir(parents=True)
    (cache / "dossier" / "reste").write_bytes(b"x")
    (cache / "fichier").write_bytes(b"x")
    os.mkfifo(cache / "tuyau")
    (tmp_path / "ailleurs").write_bytes(b"x")
    (cache / "lien").symlink_to(tmp_path / "ailleurs")
    with Volume(tmp_path) as volume:
        files = cached_files(volume, "/cache")
        assert files == ("/cache/fichier", "/cache/lien")
        (cache / "nouveau").write_bytes(b"x")
        assert clear_files(volume, files) == 2
        assert clear_files(volume, files) == 0
        assert cached_files(volume, "/absent") == ()
    assert sorted(entry.name for entry in cache.iterdir()) == ["dossier", "nouveau", "tuyau"], "only what the snapshot keeps is removed"
    assert (tmp_path / "ailleurs").exists()


def test_a_cache_that_is_a_link_is_left_alone(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / "x").write_bytes(b"")
    (tmp_path / "cache").symlink_to(real)
    with Volume(tmp_path) as volume:
        assert cached_files(volume, "/cache") == ()


def test_a_cache_that_cannot_be_cleared_is_said_without_the_card_s_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "8025000001260001235F_x").write_bytes(b"")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(primitives, "unlink", refuse)
    with Volume(tmp_path) as volume, pytest.raises(CardError) as caught:
        clear_files(volume, ("/8025000001260001235F_x",))
    assert caught.value.problems[0].ref == "cards.cache-stays"
    assert "26000123" not in repr(caught.value.problems)
