"""Windows Installer packages read without running them, their signatures, and programs that carry them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import subprocess
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.catalogue.model import DeniedSigner, Trust
from atsam_safe.catalogue.product_codes import normal, organisation_key, packed
from atsam_safe.catalogue.windows_paths import covers, expand, key
from atsam_safe.packages import inspect_path
from atsam_safe.packages.limits import DEFAULT_LIMITS
from atsam_safe.packages.msi import MsiDatabase, stream_name
from atsam_safe.packages.reading import PinnedFile
from atsam_safe.packages.windows_source import names_beside, needed_beside
from atsam_safe.words.model import Problem
from atsam_safe.words.translate import explain
from lab.windows import installers
from lab.windows.signing import SigningAuthority

if TYPE_CHECKING:
    from pathlib import Path

    from atsam_safe.packages.model import Inspection

NOW = dt.datetime.now(dt.UTC)
pytestmark = pytest.mark.needs("installer tools")


class Shelf:
    """Packages built once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = SigningAuthority(folder)
        self.trust = Trust(anchors=(self.authority.anchor,))
        self.catalogue = load_catalogue(None)
        self.product = installers.NEW_SET[1]
        self.plain = installers.build(self.product, folder / "plain.msi")
        self.signed = self.authority.sign(self.plain, folder / "signed.msi", self.product.publisher)
        self.extended = self.authority.sign(self.plain, folder / "extended.msi", self.product.publisher, extended=True)

    def inspect(self, path: Path, trust: Trust | None = None) -> Inspection:
        (found,) = inspect_path(path, self.trust if trust is None else trust, self.catalogue, NOW)
        return found


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("shelf"))


def test_the_properties_that_conditions_ask_for_are_told_apart(shelf: Shelf) -> None:
    statements = (
        "INSERT INTO `Property` (`Property`,`Value`) VALUES ('Given','oui')",
        "INSERT INTO `Property` (`Property`,`Value`) VALUES ('NotAsked','non')",
        "INSERT INTO `CustomAction` (`Action`,`Type`,`Source`,`Target`) VALUES ('SetIt',51,'Computed','[Given]')",
    )
    product = dataclasses.replace(shelf.product, condition=("Given AND Computed AND Nowhere", "Message"), statements=statements)
    installer = shelf.inspect(installers.build(product, shelf.folder / "asking.msi")).installer
    assert installer is not None
    assert [(one.name, one.value) for one in installer.properties] == [("Given", "oui")]
    assert installer.undecided == ("Computed",)
    script = (
        "INSERT INTO `CustomAction` (`Action`,`Type`,`Source`,`Target`) VALUES ('Code',38,'','Session.Property(1)')",
        "INSERT INTO `InstallExecuteSequence` (`Action`,`Sequence`) VALUES ('Code',50)",
    )
    acting = dataclasses.replace(product, statements=(*statements, *script))
    installer = shelf.inspect(installers.build(acting, shelf.folder / "acting.msi")).installer
    assert installer is not None
    assert installer.undecided == ("*", "Computed")


def test_a_package_says_what_it_is(shelf: Shelf) -> None:
    seen = shelf.inspect(shelf.signed)
    assert (seen.format, seen.signature.verdict, seen.signature.team_id) == ("windows-installer", "authenticode", installers.ANS)
    assert seen.installer is not None
    assert (seen.installer.product_code, seen.installer.version) == (shelf.product.code, "5.2.6")
    assert seen.installer.architecture == "x86_64"
    assert seen.installer.name == shelf.product.name
    (part,) = seen.components
    assert (part.component, part.known_release) == ("cryptolib", True)
    assert part.payload is not None
    assert part.payload.files == len(shelf.product.files)


def test_the_reader_agrees_with_another_one(shelf: Shelf) -> None:
    told = subprocess.run(["/usr/bin/msiinfo", "export", shelf.plain, "Property"], capture_output=True, check=True, timeout=30).stdout
    expected = dict(line.split("\t", 1) for line in told.decode().replace("\r", "").split("\n")[3:] if "\t" in line)
    with PinnedFile.open(shelf.plain, DEFAULT_LIMITS) as file, MsiDatabase(file, DEFAULT_LIMITS) as database:
        assert database.properties() == expected
        assert [row["FileName"].split("|")[-1] for row in database.table("File")] == [one.name for one in shelf.product.files]
        assert database.table("NoSuchTable") == []


def test_accents_and_the_euro_sign_survive_a_neutral_codepage(shelf: Shelf) -> None:
    product = dataclasses.replace(shelf.product, name="Composant déjà lié — carte Vitale €", family="accents")
    seen = shelf.inspect(installers.build(product, shelf.folder / "accents.msi"))
    assert seen.installer is not None
    assert seen.installer.name == "Composant déjà lié — carte Vitale €"


def test_a_signature_that_covers_stream_names_too_is_told(shelf: Shelf) -> None:
    assert "signature-without-stream-names" in shelf.inspect(shelf.signed).warnings
    extended = shelf.inspect(shelf.extended)
    assert extended.signature.verdict == "authenticode"
    assert "signature-without-stream-names" not in extended.warnings


@pytest.mark.parametrize("name", ["signed", "extended"])
def test_one_changed_byte_is_damage(shelf: Shelf, name: str) -> None:
    data = bytearray(getattr(shelf, name).read_bytes())
    place = data.find(b"Composants Cryptographiques")
    data[place] ^= 0x20
    target = shelf.folder / f"tampered-{name}.msi"
    target.write_bytes(data)
    seen = shelf.inspect(target)
    assert (seen.signature.verdict, seen.readable) == ("refused", False)
    assert seen.signature.reasons[0].ref == "package.signature-invalid"


def test_unsigned_unknown_and_denied_signers_are_told_apart(shelf: Shelf) -> None:
    assert shelf.inspect(shelf.plain).signature.verdict == "unsigned"
    stranger = shelf.inspect(shelf.signed, Trust())
    assert (stranger.signature.verdict, stranger.signature.reasons[0].ref) == ("untrusted", "package.foreign-root")
    leaf = shelf.inspect(shelf.signed).signature.leaf_sha256 or ""
    denied = Trust(
        anchors=shelf.trust.anchors, denied=(DeniedSigner(leaf_sha256=leaf, reason="test", source="LAB", certainty="confirmed"),)
    )
    assert shelf.inspect(shelf.signed, denied).signature.reasons[0].ref == "package.denied-signer"


def test_an_expired_certificate_is_not_trusted_without_a_time_stamp(shelf: Shelf) -> None:
    (later,) = inspect_path(shelf.signed, shelf.trust, shelf.catalogue, NOW + dt.timedelta(days=4000))
    assert later.signature.verdict == "untrusted"


def test_the_packages_inside_a_program_are_found_without_running_it(shelf: Shelf) -> None:
    target = shelf.folder / "ATSAM.exe"
    target.write_bytes(b"MZ" + bytes(5000) + shelf.signed.read_bytes() + bytes(777) + shelf.extended.read_bytes() + b"end" * 100)
    found = inspect_path(target, shelf.trust, shelf.catalogue, NOW)
    assert [one.signature.verdict for one in found] == ["authenticode", "authenticode"]
    assert [one.path.rsplit("/", 1)[-1] for one in found] == ["1.msi", "2.msi"]


def test_a_program_with_nothing_to_see_inside_is_refused(shelf: Shelf) -> None:
    target = shelf.folder / "other.exe"
    target.write_bytes(b"MZ" + bytes(9000) + b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000))
    (seen,) = inspect_path(target, shelf.trust, shelf.catalogue, NOW)
    assert seen.signature.reasons[0].ref == "package.program-compressed"


@pytest.mark.parametrize(
    ("mark", "technology"),
    [
        (b"Nullsoft.NSIS.exehead", "NSIS"),
        (b".wixburn8", "WiX Burn"),
        (b"Inno Setup Setup Data", "Inno Setup"),
        (b"InstallShield", "InstallShield"),
    ],
)
def test_a_program_that_cannot_be_looked_into_is_named_for_what_it_is(shelf: Shelf, mark: bytes, technology: str) -> None:
    target = shelf.folder / "packed.exe"
    target.write_bytes(b"MZ" + bytes(700) + mark + bytes(2000))
    (seen,) = inspect_path(target, shelf.trust, shelf.catalogue, NOW)
    problem = Problem(ref=seen.signature.reasons[0].ref, params=seen.signature.reasons[0].params)
    told = explain(problem, "fr")
    assert technology in told.what
    assert "packed.exe" in told.what
    assert "7-Zip" in told.next


@pytest.mark.needs("7z")
def test_packages_compressed_in_a_program_are_seen_through_7_zip(shelf: Shelf) -> None:
    folder = shelf.folder / "packed"
    folder.mkdir()
    (folder / "inside.msi").write_bytes(shelf.signed.read_bytes())
    (folder / "readme.txt").write_text("nothing")
    subprocess.run(["/usr/bin/7z", "a", "x.7z", "inside.msi", "readme.txt"], cwd=folder, check=True, capture_output=True, timeout=60)
    target = folder / "ATSAM.exe"
    target.write_bytes(b"MZ" + bytes(5000) + (folder / "x.7z").read_bytes())
    (seen,) = inspect_path(target, shelf.trust, shelf.catalogue, NOW)
    assert seen.signature.verdict == "authenticode"
    assert seen.path.endswith("/inside.msi")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_makes_the_reader_fall(shelf: Shelf, data: st.DataObject) -> None:
    content = bytearray(shelf.signed.read_bytes())
    for _ in range(data.draw(st.integers(1, 12))):
        content[data.draw(st.integers(8, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(content)), st.integers(8, len(content))))
    target = shelf.folder / "fuzzed.msi"
    target.write_bytes(content[:cut])
    seen = shelf.inspect(target)
    assert seen.signature.verdict in {"refused", "untrusted", "unsigned", "authenticode"}
    if seen.signature.verdict == "authenticode":
        assert seen.installer is not None


@pytest.mark.parametrize(
    ("stored", "name"),
    [("\u4840\u3f3f\u4577\u446c\u3b6a\u45e4\u4824", "_StringData"), ("\x05DigitalSignature", "\x05DigitalSignature")],
)
def test_stream_names_are_unpacked(stored: str, name: str) -> None:
    assert stream_name(stored) == name


def test_both_spellings_of_a_code_are_one() -> None:
    code = "{306912F2-76F5-4BA3-9260-E9F581C886DD}"
    assert packed(code) == "2F2196035F673AB429069E5F188C68DD"
    assert normal(packed(code).lower()) == normal(code.lower()) == code
    assert normal("DiagAM_V3") == "DIAGAM_V3"


def test_an_organisation_is_the_same_whatever_its_accents() -> None:
    assert organisation_key("AGENCE DU NUMERIQUE EN SANTE") == organisation_key("Agence du Numérique en Santé")
    assert organisation_key("GIE SESAM-Vitale") != organisation_key("GIE SESAM")


def test_windows_paths_take_no_notice_of_case() -> None:
    folders = {"WINDIR": "C:\\Windows", "ProgramFiles(x86)": "C:\\Program Files (x86)"}
    assert expand(r"%windir%\galss.ini", folders) == r"C:\Windows\galss.ini"
    assert expand(r"%Unknown%\x", folders) is None
    assert key("C:/WINDOWS/Galss.INI\\") == key(r"c:\windows\galss.ini")
    assert covers(r"C:\a\*\lib", r"c:\A\1.40\LIB\x.dll", below=True)
    assert not covers(r"C:\a\*\lib", r"c:\A\1.40\LIB\x.dll", below=False)


FILES = (("F0", 512), ("F1", 512))
IN_CABINET: list[dict[str, object]] = [{"LastSequence": 2, "Cabinet": "#x.cab"}]
BESIDE: list[dict[str, object]] = [{"LastSequence": 1, "Cabinet": "#x.cab"}, {"LastSequence": 2, "Cabinet": "data1.cab"}]


class Database:
    """What is asked of a package, without one."""

    def __init__(self, flags: object, media: list[dict[str, object]], files: tuple[tuple[str, int], ...], streams: tuple[str, ...]) -> None:
        self.stream_names = streams
        self._flags = flags
        rows = [{"FileName": f"{n}~1|{n}.dll", "Attributes": told, "Sequence": place} for place, (n, told) in enumerate(files, 1)]
        self._tables: dict[str, list[dict[str, object]]] = {"Media": media, "File": rows}

    def table(self, name: str) -> list[dict[str, object]]:
        return self._tables[name]

    def summary(self) -> dict[int, object]:
        return {15: self._flags}


@pytest.mark.parametrize(
    ("flags", "media", "files", "streams", "beside"),
    [
        pytest.param(2, IN_CABINET, FILES, ("x.cab",), (), id="all inside"),
        pytest.param(2, IN_CABINET, FILES, ("X.CAB",), (), id="a stream's case does not matter"),
        pytest.param(2, BESIDE, FILES, ("x.cab",), ("data1.cab",), id="an archive beside"),
        pytest.param(2, IN_CABINET, FILES, (), ("x.cab",), id="the archive was taken out"),
        pytest.param(2, [*IN_CABINET, {"LastSequence": 2, "Cabinet": "#y.cab"}], FILES, ("x.cab",), (), id="an archive for no file"),
        pytest.param(2, IN_CABINET, (("F0", 512), ("F1", 0x2200)), ("x.cab",), ("F1.dll",), id="one file says it lies beside"),
        pytest.param(0, [{"LastSequence": 2, "Cabinet": None}], FILES, (), ("F0.dll", "F1.dll"), id="nothing is compressed"),
        pytest.param(0, IN_CABINET, (("F0", 0x4200), ("F1", 0x4000)), ("x.cab",), (), id="each file says it is compressed"),
        pytest.param(4, IN_CABINET, FILES, ("x.cab",), ("F0.dll", "F1.dll"), id="an administrative image"),
        pytest.param(None, IN_CABINET, FILES, ("x.cab",), ("F0.dll", "F1.dll"), id="no word count means 0"),
        pytest.param(0, [], (), (), (), id="no file at all"),
    ],
)
def test_what_a_package_needs_beside_itself(
    flags: object, media: list[dict[str, object]], files: tuple[tuple[str, int], ...], streams: tuple[str, ...], beside: tuple[str, ...]
) -> None:
    assert names_beside(cast("MsiDatabase", Database(flags, media, files, streams))) == beside


def test_files_that_no_archive_of_that_size_can_hold_are_refused(shelf: Shelf, tmp_path: Path) -> None:
    """Its archives are Windows' to unpack: what they are announced to hold is bounded before it gets them."""
    place = installers.build(
        dataclasses.replace(shelf.product, statements=("UPDATE `File` SET `FileSize`=2000000000",)), tmp_path / "b.msi"
    )
    (reason, *_) = shelf.inspect(place).signature.reasons
    assert (reason.ref, reason.params["place"]) == ("package.too-large", "File")


def test_many_files_beside_are_named_within_bounds() -> None:
    found = names_beside(cast("MsiDatabase", Database(0, [], tuple((f"F{place}", 512) for place in range(500)), ())))
    assert len(found) == 20


@pytest.mark.parametrize(
    ("statement", "beside"),
    [
        ("UPDATE `Media` SET `Cabinet`='data1.cab'", ("data1.cab",)),
        ("UPDATE `File` SET `Attributes`=8192 WHERE `File`='F1'", ("cps3_csp_w64.dll",)),
    ],
)
def test_a_built_package_that_is_not_whole_says_so(shelf: Shelf, tmp_path: Path, statement: str, beside: tuple[str, ...]) -> None:
    place = installers.build(dataclasses.replace(shelf.product, statements=(statement,)), tmp_path / "beside.msi")
    found = shelf.inspect(place)
    assert found.installer is not None
    assert (found.installer.beside, needed_beside(place), needed_beside(shelf.plain)) == (beside, beside, ())
    assert set(found.warnings) >= {f"external-cabinet:{name}" for name in beside}
