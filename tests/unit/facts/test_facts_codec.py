from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atsam_safe.facts import model
from atsam_safe.facts.codec import MAX_FACTS_BYTES, REQUIRED, FactsError, decode_facts, encode_facts
from atsam_safe.facts.model import (
    BinaryImage,
    ConfigFact,
    Facts,
    ForeignClaim,
    Home,
    InstalledProduct,
    OperatingSystem,
    PathFact,
    ProcessFact,
    Receipt,
    ReceiptEntry,
    ServiceFact,
    Space,
    SystemState,
)

FULL = Facts(
    adapter="offline",
    os=OperatingSystem(family="macos", name="Mac OS X", version="10.14.6", build="18G9323", hardware="x86_64", source="plist"),
    homes=(Home(user="Hélène Dupré", path="/Users/Hélène Dupré", uid=501),),
    receipts=(
        Receipt(
            identifier="fr.sesamvitale.galss.pkg",
            version="3.42.03",
            entries=(ReceiptEntry(path="/Library/x", kind="file", mode=0o644, size=3, checksum=1),),
        ),
    ),
    paths=(
        PathFact(
            path="/Library/x",
            kind="file",
            mode=0o777,
            uid=0,
            gid=80,
            bundle={"CFBundleVersion": "3.42"},
            image=BinaryImage(architectures=("x86_64",), current_version="3.42.0", minimum_os=("10.6",)),
        ),
    ),
    configs=(ConfigFact(path="/Library/Preferences/galss.ini", sha256="00", size=1, line_ends="cr", encoding="latin-1"),),
    services=(ServiceFact(label="a", path="/Library/LaunchDaemons/a.plist", domain="daemon"),),
    processes=(ProcessFact(path="/a", pid=1),),
    products=(InstalledProduct(code="{A}", name="GALSS"),),
    foreign_claims=(ForeignClaim(path="/a", receipt="b"),),
    space=Space(free=1, total=2, writable=True),
    system=SystemState(elevated=True),
    notes=("note",),
)

# Frozen: a key may be added here, never taken away or renamed. Scripts and mailed facts files depend on every one of them.
PROMISED_KEYS = {
    "Facts": "schema adapter os homes receipts paths configs services processes products foreign_claims space system notes",
    "OperatingSystem": "family name version build hardware rosetta source problem",
    "Home": "user path uid",
    "Receipt": "identifier version installed_at prefix package_file store bom entries problem",
    "ReceiptEntry": "path kind mode size checksum link",
    "PathFact": "path kind mode uid gid size sha256 link bundle image problem",
    "BinaryImage": "architectures current_version minimum_os",
    "ConfigFact": "path sha256 size line_ends encoding sections problem",
    "ServiceFact": "label path domain program running disabled last_exit problem",
    "ProcessFact": "path pid user",
    "ForeignClaim": "path receipt",
    "InstalledProduct": "code name version architecture publisher windows_installer local_package install_source",
    "Space": "free total writable",
    "SystemState": "restart_pending installer_running on_battery elevated console_user gatekeeper",
}


@pytest.mark.parametrize("name", sorted(PROMISED_KEYS))
def test_no_promised_key_is_lost(name: str) -> None:
    present = msgspec.structs.fields(getattr(model, name))
    assert set(PROMISED_KEYS[name].split()) <= {field.encode_name for field in present}


def test_every_promised_key_is_really_written() -> None:
    written = json.loads(encode_facts(FULL))
    assert list(written)[: len(PROMISED_KEYS["Facts"].split())] == PROMISED_KEYS["Facts"].split()
    assert set(PROMISED_KEYS["PathFact"].split()) <= set(written["paths"][0])
    assert set(PROMISED_KEYS["ReceiptEntry"].split()) <= set(written["receipts"][0]["entries"][0])


def test_facts_survive_the_journey_exactly() -> None:
    data = encode_facts(FULL)
    assert decode_facts(data) == FULL
    assert encode_facts(decode_facts(data)) == data


def test_the_answer_of_the_facts_command_can_be_mailed_as_it_is() -> None:
    envelope = b'{"atsam_safe":1,"command":"facts","status":"ok","exit_code":0,"data":{"facts":' + encode_facts(FULL) + b'},"errors":[]}'
    assert decode_facts(envelope) == FULL
    assert decode_facts(json.dumps(json.loads(envelope), indent=2).encode()) == FULL


def changed(**changes: object) -> bytes:
    return json.dumps(json.loads(encode_facts(FULL)) | changes).encode()


def test_keys_added_by_a_newer_program_are_passed_over() -> None:
    assert decode_facts(changed(something_new={"a": [1]})) == FULL


def test_a_newer_schema_is_refused_with_both_numbers() -> None:
    with pytest.raises(FactsError) as caught:
        decode_facts(changed(schema=2, os="changed its meaning"))
    assert caught.value.problems[0].ref == "facts.newer-schema"
    assert caught.value.problems[0].params == {"found": "2", "known": "1"}
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"schema": 1}',
        b'{"data": {"facts": {}}}',
        b'{"data": {"facts": {"data": {"facts": {"schema": 1}}}}}',
        b'{"atsam_safe": 1, "command": "status", "data": {}}',
        b'{"schema": "1"}',
        b'{"schema": 0, "adapter": "offline"}',
        b"\xff\xfe{",
        encode_facts(FULL)[:-20],
        b'{"schema": 1, "adapter": "offline", "os": {"family": "beos"}}',
        b'{"schema": 1, "os": ' + b"[" * 20_000,
        changed(receipts="none"),
        changed(space={"free": "much", "total": 1, "writable": True}),
        changed(schema=10**400),
    ],
)
def test_what_is_not_a_facts_file_is_refused(data: bytes) -> None:
    with pytest.raises(FactsError) as caught:
        decode_facts(data)
    assert caught.value.problems[0].ref in {"facts.invalid", "facts.newer-schema"}


def test_an_oversized_file_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(FactsError) as caught:
        decode_facts(b" " * (MAX_FACTS_BYTES + 1))
    assert str(MAX_FACTS_BYTES) in caught.value.problems[0].params["detail"]


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_garbage_is_always_our_error(data: bytes) -> None:
    with pytest.raises(FactsError):
        decode_facts(data)


@pytest.mark.parametrize("key", REQUIRED)
def test_a_key_that_is_not_there_is_no_observation(key: str) -> None:
    """Without its paths, receipts or room a facts file was judged as if nothing were there: « accept »."""
    whole = json.loads(encode_facts(FULL))
    del whole[key]
    with pytest.raises(FactsError) as caught:
        decode_facts(json.dumps(whole).encode())
    (problem,) = caught.value.problems
    assert problem.ref == "facts.invalid"
    assert key in problem.params["detail"]


def test_only_what_claims_nothing_may_be_missing() -> None:
    free = {field.name for field in msgspec.structs.fields(Facts)} - {*REQUIRED, "schema", "notes"}
    assert {getattr(Facts(adapter="offline", os=FULL.os), name) for name in free} == {None}
