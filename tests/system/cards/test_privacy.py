"""Nothing of whose card it is leaves the memory of the program: every byte it wrote or said in a run is searched, in every disguise."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

import pytest

from lab.card.requests import certificates

from .test_install_with_card import Practice, nothing, practice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["practice"]

SERIAL, LABEL, HOLDER = "26000123", "2600012345", "899700000000 ESSAI"
CACHED = f"8025000001{SERIAL}5F_20240101120000_3F00"


def _swapped(number: str) -> bytes:
    """A number as cards and telephones store it: two digits a byte, the halves exchanged."""
    return bytes.fromhex("".join(number[place + 1] + number[place] for place in range(0, len(number), 2)))


def _disguises() -> Iterator[tuple[str, bytes]]:
    """Everything by which the card or its holder could be found again."""
    secrets = {"serial": SERIAL, "label": LABEL, "holder": HOLDER, "holder's number": HOLDER[:12], "name": HOLDER[13:]}
    raw = {name: text.encode() for name, text in secrets.items()}
    raw |= {f"{name}, BCD": bytes.fromhex(text) for name, text in secrets.items() if text.isdigit()}
    raw |= {f"{name}, BCD exchanged": _swapped(text) for name, text in secrets.items() if text.isdigit()}
    raw |= {f"certificate {number}": der for number, der in enumerate(certificates())}
    raw["serial file"] = bytes.fromhex("8025000001" + SERIAL + "5F")
    for name, value in raw.items():
        yield name, value
        yield f"{name}, reversed", value[::-1]
        yield f"{name}, UTF-16", value.decode("latin-1").encode("utf-16-le")
        yield f"{name}, hex", value.hex().encode()
        yield f"{name}, HEX", value.hex().upper().encode()
        for shift in range(3):
            # the characters that do not depend on what stands before and after
            text = base64.b64encode(bytes(shift) + value)
            yield f"{name}, base64 {shift}", text[(0, 2, 3)[shift] : len(text) - 4]
        for algorithm in ("md5", "sha1", "sha256", "sha512"):
            digest = hashlib.new(algorithm, value)
            shown = digest.hexdigest()
            for form in (digest.digest(), shown.encode(), shown.upper().encode(), base64.b64encode(digest.digest())):
                yield f"{name}, {algorithm} without a key", form


DISGUISES = [(name, value) for name, value in _disguises() if len(value) >= 4]


def found_in(content: bytes) -> list[str]:
    return [name for name, value in DISGUISES if value in content]


def test_the_search_finds_what_it_looks_for() -> None:
    """A search that cannot find anything would prove nothing."""
    assert found_in(b"x" + bytes.fromhex("26000123")) == ["serial, BCD"]
    assert "serial, BCD exchanged" in found_in(bytes.fromhex("62001032"))
    assert "holder, base64 1" in found_in(base64.b64encode(b"z" + HOLDER.encode() + b"rest"))
    assert "name, sha256 without a key" in found_in(hashlib.sha256(b"ESSAI").hexdigest().encode())
    assert found_in(b"nothing of the kind") == []


def _written(*folders: Path) -> Iterator[tuple[Path, bytes]]:
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield path, path.read_bytes()


@pytest.mark.parametrize("how", ["committed", "rolled back"])
def test_nothing_that_is_written_or_said_names_the_card_or_its_holder(practice: Practice, tmp_path: Path, how: str) -> None:
    cache = practice.world.root / "Library/Caches/santesocial/CPS"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / CACHED).write_bytes(b"encrypted")
    answer = practice.install(nothing if how == "committed" else practice.module.unlink)
    assert answer.code == (0 if how == "committed" else 20), answer.out + answer.err
    if how == "rolled back":
        assert (cache / CACHED).read_bytes() == b"encrypted", "the cache is part of what comes back"
    said = [answer.out, answer.err]
    for form in ((), ("--json",)) if how == "committed" else ():
        for command in (("status",), ("verify", "--card"), ("facts", "--card"), ("diagnose",), ("snapshots", "list"), ("recover",)):
            shown = practice.run(*form, *command)
            said += [shown.out, shown.err]
    assert found_in("".join(said).encode()) == []
    looked_at = 0
    for path, content in _written(practice.folder, tmp_path):
        looked_at += 1
        named = found_in(str(path).encode())
        if path.parent == cache:
            continue  # the middleware's own file, which the test put there
        if path.name in {"manifest.json", "restore.sh"} and path.parent.parent.name == "snapshots":
            # they name the cached files, or these could not be put back: only the owner of the state folder reads them
            assert path.parent.parent.parent.stat().st_mode & 0o077 == 0
            assert set(found_in(content)) <= {"serial", "serial, BCD, hex", "serial, BCD, HEX", "serial file, HEX"}
            continue
        assert (path, found_in(content), named) == (path, [], [])
    assert looked_at > 50
