from __future__ import annotations

import hashlib
import json
import re
import tomllib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atsam_safe.catalogue.compiled import compile_embedded, read_compiled
from atsam_safe.catalogue.errors import CatalogueError
from atsam_safe.catalogue.load import embedded_folder, load_catalogue, read_manifests
from atsam_safe.catalogue.parse import MAXIMUM_FILE_BYTES, content_digest, parse_catalogue
from atsam_safe.words.registry import find

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from atsam_safe.catalogue.errors import Flaw

EMBEDDED = read_manifests(embedded_folder())

# Only the damaged file is read the slow way.
TWINS = {hashlib.sha256(content).hexdigest(): json.dumps(tomllib.loads(content.decode())) for content in EMBEDDED.values()}

MINIMAL = {
    "sources.toml": b'source = [{ tag = "T", title = "t" }]\n',
    "trust.toml": b"anchor = []\n",
    "os.toml": b'os = [{ family = "macos", version = "10.14", name = "Mojave", source = "T", certainty = "confirmed" }]\n',
    "bundles.toml": b"bundle = []\n",
    "components/galss.toml": b"""id = "galss"
name = "GALSS"
publisher = "P"
receipts = [
    { id = "a", source = "T 1", certainty = "confirmed" },
    { id = "b", source = "T 1", certainty = "confirmed" },
]

[[paths]]
path = "/Library/x"
source = "T"
certainty = "field"

[[releases]]
version = "1.0"
source = "T"
certainty = "field"

[[releases.witnesses]]
kind = "checksum"
path = "/Library/x"
value = "0000000000000000000000000000000000000000000000000000000000000000"
source = "T"
certainty = "field"
""",
}
BUNDLE = b"""
[[bundle]]
id = "b"
source = "T"
certainty = "field"
[[bundle.members]]
component = "galss"
versions = ["1.0"]
[[bundle.systems]]
first = "10.14"
last = "10.14"
source = "T"
certainty = "field"
"""
GALSS = "components/galss.toml"


def refused(files: Mapping[str, bytes]) -> list[tuple[str, int, str]]:
    with pytest.raises(CatalogueError) as caught:
        parse_catalogue(files, "test")
    problems = caught.value.problems
    assert problems[0].ref == "manifests.invalid"
    assert caught.value.exit_code == 2
    for problem in problems:
        reference = find(problem.ref)
        assert reference is not None, problem.ref
        for sentence in (reference.what, reference.why, reference.next):
            assert set(re.findall(r"\{(\w+)\}", sentence)) <= set(problem.params), problem
    return [(flaw.file, flaw.line, flaw.kind) for flaw in caught.value.flaws]


def changed(name: str, old: str, new: str) -> dict[str, bytes]:
    content = MINIMAL[name].decode()
    assert content.count(old) >= 1, old
    return {**MINIMAL, name: content.replace(old, new, 1).encode()}


def test_a_minimal_catalogue_is_read() -> None:
    catalogue = parse_catalogue({**MINIMAL, "bundles.toml": BUNDLE}, "somewhere")
    assert [component.id for component in catalogue.components] == ["galss"]
    assert catalogue.bundles[0].members[0].versions == ("1.0",)
    assert catalogue.origin == "somewhere"
    assert not catalogue.embedded


@pytest.mark.parametrize(
    ("name", "old", "new", "flaw"),
    [
        (GALSS, 'path = "/Library/x"', 'path = "/Library/x"\ncolour = 1', (GALSS, 11, "unknown-key")),
        (GALSS, '{ id = "b", ', '{ id = "b", colour = 1, ', (GALSS, 6, "unknown-key")),
        (GALSS, 'certainty = "field"\n\n[[releases]]', 'certainty = "sure"\n\n[[releases]]', (GALSS, 12, "wrong-value")),
        (GALSS, 'path = "/Library/x"\nsource = "T"\n', 'path = "/Library/x"\n', (GALSS, 9, "missing-key")),
        (GALSS, 'path = "/Library/x"', "path = 5", (GALSS, 10, "wrong-type")),
        (GALSS, 'path = "/Library/x"', "path = 1979-05-27", (GALSS, 10, "wrong-type")),
        (GALSS, 'name = "GALSS"', 'name = "GALSS"\nname = "again"', (GALSS, 3, "duplicate-key")),
        (GALSS, 'name = "GALSS"', "name = GALSS", (GALSS, 2, "syntax")),
        (GALSS, '"a", source', '"b", source', (GALSS, 6, "duplicate-id")),
        (GALSS, 'source = "T 1"', 'source = "NOBODY 1"', (GALSS, 5, "dangling")),
        (GALSS, 'source = "T 1"', 'source = "T 1; "', (GALSS, 5, "dangling")),
        (GALSS, '"/Library/x"', '"Library/x"', (GALSS, 10, "wrong-value")),
        (GALSS, '"/Library/x"', '"/Library/../x"', (GALSS, 10, "wrong-value")),
        (GALSS, '"/Library/x"', '"/Library/**/x"', (GALSS, 10, "wrong-value")),
        (GALSS, '"/Library/x"', '"/Library/x"\nshared_with = ["ghost"]', (GALSS, 11, "dangling")),
        (GALSS, '"/Library/x"', '"/Library/x"\nmode = "rwx"', (GALSS, 11, "wrong-value")),
        (GALSS, '"/Library/x"', '"/Library/x"\nrole = "private"', (GALSS, 9, "wrong-value")),
        (GALSS, 'version = "1.0"', 'version = "latest"', (GALSS, 15, "wrong-value")),
        (GALSS, 'value = "0000', 'value = "zz00', (GALSS, 22, "wrong-value")),
        (GALSS, 'kind = "checksum"', 'kind = "receipt"', (GALSS, 19, "missing-key")),
        (GALSS, 'id = "galss"', 'id = "other"', (GALSS, 1, "wrong-value")),
        ("os.toml", '"10.14"', '"10.14.6"', ("os.toml", 1, "wrong-value")),
        ("os.toml", '"macos", version = "10.14"', '"windows", version = "12"', ("os.toml", 1, "wrong-value")),
        ("os.toml", '"macos"', '"beos"', ("os.toml", 1, "wrong-value")),
        ("trust.toml", "anchor = []", "anchor = [{}]", ("trust.toml", 1, "missing-key")),
    ],
)
def test_a_flaw_refuses_the_catalogue_with_file_and_line(name: str, old: str, new: str, flaw: tuple[str, int, str]) -> None:
    assert flaw in refused(changed(name, old, new))


@pytest.mark.parametrize(
    ("old", "new", "line", "kind"),
    [
        ('component = "galss"', 'component = "ghost"', 7, "dangling"),
        ('versions = ["1.0"]', 'versions = ["1.0", "9.9"]', 8, "dangling"),
        ('versions = ["1.0"]', "versions = []", 8, "wrong-value"),
        ('last = "10.14"', 'last = "10.15"', 11, "dangling"),
        ('id = "b"', 'id = "b"\nbuild = "newest"', 4, "wrong-value"),
        ("[[bundle.systems]]", '[[bundle.members]]\ncomponent = "galss"\nversions = ["1.0"]\n[[bundle.systems]]', 9, "duplicate-id"),
    ],
)
def test_a_bundle_speaks_only_of_what_is_described(old: str, new: str, line: int, kind: str) -> None:
    text = BUNDLE.decode().replace(old, new, 1).encode()
    assert ("bundles.toml", line, kind) in refused({**MINIMAL, "bundles.toml": text})


def test_a_range_that_runs_backwards_is_refused() -> None:
    systems = MINIMAL["os.toml"].replace(b"}]", b'}, { family = "macos", version = "26", name = "T", source = "T", certainty = "field" }]')
    bundle = BUNDLE.replace(b'first = "10.14"', b'first = "26"')
    assert ("bundles.toml", 11, "wrong-value") in refused({**MINIMAL, "os.toml": systems, "bundles.toml": bundle})


@pytest.mark.parametrize(
    ("name", "content", "flaw"),
    [
        ("notes.toml", b"", ("notes.toml", 1, "unknown-file")),
        ("components/Galss.toml", b"", ("components/Galss.toml", 1, "unknown-file")),
        ("components/../x.toml", b"", ("components/../x.toml", 1, "unknown-file")),
        ("os.toml", b'os = [\n"\xff"]', ("os.toml", 2, "not-utf8")),
        ("os.toml", b"#" * (MAXIMUM_FILE_BYTES + 1), ("os.toml", 1, "too-large")),
        ("os.toml", b"os = " + b"[" * 200_000, ("os.toml", 1, "syntax")),
        ("os.toml", b"os = " + b"9" * 10_000, ("os.toml", 1, "syntax")),
        ("os.toml", b"", ("os.toml", 1, "missing-key")),
        ("os.toml", b"\x00", ("os.toml", 1, "syntax")),
    ],
)
def test_hostile_files_are_refused(name: str, content: bytes, flaw: tuple[str, int, str]) -> None:
    assert flaw in refused({**MINIMAL, name: content})


@pytest.mark.parametrize("name", ["sources.toml", "trust.toml", "os.toml", "bundles.toml"])
def test_a_missing_file_is_named(name: str) -> None:
    assert (name, 1, "missing-file") in refused({key: content for key, content in MINIMAL.items() if key != name})


def test_too_many_files_are_refused() -> None:
    many = {f"components/c{number}.toml": b"" for number in range(100)}
    assert refused({**MINIMAL, **many})[0][2] == "too-large"


def test_every_flaw_is_told_at_once() -> None:
    files = {**changed(GALSS, 'name = "GALSS"', "name = 5"), "os.toml": b"os = 5\n"}
    assert {flaw[0] for flaw in refused(files)} == {GALSS, "os.toml"}


@settings(max_examples=60)
@given(name=st.sampled_from(sorted(MINIMAL)), data=st.data())
def test_no_change_of_bytes_gives_another_exception(name: str, data: st.DataObject) -> None:
    content = bytearray(MINIMAL[name])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    flaws: tuple[Flaw, ...] = ()
    try:
        parse_catalogue({**MINIMAL, name: bytes(content)}, "test")
    except CatalogueError as error:
        flaws = error.flaws
    assert all(1 <= flaw.line <= content.count(b"\n") + 1 for flaw in flaws if flaw.file == name)


@settings(max_examples=40, deadline=None)
@given(name=st.sampled_from(sorted(EMBEDDED)), data=st.data())
def test_no_damage_to_the_real_manifests_gives_another_exception(name: str, data: st.DataObject) -> None:
    content = EMBEDDED[name]
    begin = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(begin, min(len(content), begin + 200)))
    damaged = content[:begin] + data.draw(st.binary(max_size=8)) + content[end:]
    flaws: tuple[Flaw, ...] = ()
    try:
        parse_catalogue({**EMBEDDED, name: damaged}, "test", compiled=TWINS)
    except CatalogueError as error:
        flaws = error.flaws
    assert all(1 <= flaw.line <= damaged.count(b"\n") + 1 for flaw in flaws if flaw.file == name)


def test_the_compiled_form_gives_the_same_catalogue(tmp_path: Path) -> None:
    compiled = read_compiled(compile_embedded(embedded_folder(), tmp_path / "x" / "catalogue.json"))
    assert set(compiled) == {hashlib.sha256(content).hexdigest() for content in EMBEDDED.values()}
    assert parse_catalogue(EMBEDDED, "embedded", compiled=compiled) == parse_catalogue(EMBEDDED, "embedded")


def test_a_compiled_form_of_other_content_is_never_used() -> None:
    stale = {hashlib.sha256(b"other").hexdigest(): "{}"}
    assert parse_catalogue(EMBEDDED, "embedded", compiled=stale) == parse_catalogue(EMBEDDED, "embedded")


@pytest.mark.parametrize("twin", ["", "{", '{"os": 5}', '{"os": [], "extra": 1}', "\ud800"])
def test_a_damaged_twin_never_hides_the_text(twin: str) -> None:
    damaged = {hashlib.sha256(EMBEDDED["os.toml"]).hexdigest(): twin}
    assert parse_catalogue(EMBEDDED, "embedded", compiled=damaged).os_releases == parse_catalogue(EMBEDDED, "embedded").os_releases


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b'{"format": 99, "twins": {}}', b'{"format": 1, "twins": {"a": 5}}', b"\xff", b"[" * 100_000]
)
def test_an_unusable_compiled_file_is_only_a_lost_shortcut(tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "catalogue.json"
    target.write_bytes(content)
    assert read_compiled(target) == {}


def test_a_broken_catalogue_is_never_compiled(tmp_path: Path) -> None:
    for name, content in MINIMAL.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    compile_embedded(tmp_path, tmp_path / "good" / "catalogue.json")
    (tmp_path / "os.toml").write_bytes(b"os = 5")
    with pytest.raises(CatalogueError):
        compile_embedded(tmp_path, tmp_path / "bad" / "catalogue.json")
    assert not (tmp_path / "bad").exists()


def test_the_digest_is_of_names_and_contents() -> None:
    digest = content_digest(EMBEDDED)
    assert load_catalogue().digest == digest
    assert content_digest(dict(reversed(EMBEDDED.items()))) == digest
    assert content_digest({**EMBEDDED, "os.toml": EMBEDDED["os.toml"] + b"\n"}) != digest
    assert content_digest({"ab": b"c"}) != content_digest({"a": b"bc"})
