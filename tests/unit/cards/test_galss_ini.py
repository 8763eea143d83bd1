from __future__ import annotations

import errno
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atsam_safe.cards.evidence import Evidence
from atsam_safe.cards.galss_align import alignment, realign, validate
from atsam_safe.cards.galss_apply import apply_proposal, read_galss_ini, volume_of
from atsam_safe.cards.galss_ini import MAXIMUM_BYTES, GalssIniError, parse, read_model
from atsam_safe.cards.galss_structure import structure_defects
from atsam_safe.cards.ladder import climb
from atsam_safe.cards.observe import _galss
from atsam_safe.cards.request import LadderRequest
from atsam_safe.volume.volume import Volume
from atsam_safe.words.model import UsageError
from lab.card.galss_files import galss_ini, slot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atsam_safe.cards.model import Slot

STATES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "galss_states.json").read_text(encoding="utf-8"))
READABLE = [state for state in STATES if state["file"] != "unread"]

READER, READER_01 = "FEI USB Card Reader/QR Scanner", "FEI USB Card Reader/QR Scanner 01"
PCSC = [
    {"number": 1, "reader": READER, "resources": ["CPS"]},
    {"number": 2, "reader": READER_01, "resources": ["Vitale"]},
]


def _file(state: dict[str, Any]) -> bytes | None:
    if state["file"] == "absent":
        return None
    return b"" if state["file"] == "empty" else galss_ini(state["channels"], family=state["family"])


def _slots(state: dict[str, Any]) -> list[Any]:
    return [slot(reader["name"], reader["card"]) for reader in state["readers"]]


def _refs(data: bytes | None, slots: Sequence[Slot], *, needed: bool = True) -> list[str]:
    document = None if data is None else parse(data)
    return [problem.ref for problem in alignment(document, slots, needed=needed)]


def test_all_states_of_the_field_are_here() -> None:
    assert len(STATES) == 27
    assert len({state["state"] for state in STATES}) == 27


@pytest.mark.parametrize("state", READABLE, ids=lambda state: state["state"])
def test_field_state_gets_its_findings(state: dict[str, Any]) -> None:
    assert _refs(_file(state), _slots(state), needed=state["needed"]) == state["expected"]


@pytest.mark.parametrize("state", READABLE, ids=lambda state: state["state"])
def test_field_state_on_the_ladder(state: dict[str, Any], tmp_path: Path) -> None:
    """The file as it lies there, its readers as they were listed: the rung breaks for what the state is known for, and for nothing else."""
    data = _file(state)
    path = tmp_path / "galss.ini"
    if data is not None:
        path.write_bytes(data)
    request = LadderRequest(family=state["family"], rules=(), root=tmp_path, galss_ini=path, galss_needed=state["needed"])
    slots = tuple(_slots(state))
    fact = _galss(request, slots)
    assert fact is not None
    assert fact.state == {"empty": "empty", "absent": "absent", "serial": "serial", "pcsc": "pcsc"}[state["file"]]
    rung = next(rung for rung in climb(Evidence(slots=slots, galss=fact)) if rung.id == "configuration")
    assert [problem.ref for problem in rung.problems] == state["expected"]
    assert (rung.outcome, rung.origin) == (("fail", "workstation") if state["expected"] else ("pass", None))


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
@pytest.mark.parametrize("state", [state for state in READABLE if state["expected"]], ids=lambda state: state["state"])
def test_field_state_can_be_realigned(state: dict[str, Any], line_end: str, encoding: str) -> None:
    data = _file(state)
    if state["channels"]:
        data = galss_ini(state["channels"], family=state["family"], line_end=line_end, encoding=encoding)
    slots = _slots(state)
    try:
        proposal = realign(data, slots, family=state["family"])
    except GalssIniError as error:
        # mac-03: four slots, none of which can be told to be the Vitale's. Guessing is what emptied that file.
        assert {problem.ref for problem in error.problems} == {"galss.realign-needs-vitale"}  # noqa: PT017 - both outcomes are asserted
        assert sum(reader["card"] == "empty" for reader in state["readers"]) > 1
        return
    assert _refs(proposal.after, slots) == []
    assert proposal.changes
    assert proposal.diff
    if data:
        assert parse(proposal.after).line_ends == parse(data).line_ends
        assert parse(proposal.after).encoding == parse(data).encoding
        assert proposal.after.count(b"CleInconnue") == 1
        assert "; Configuration du lecteur (é)" in proposal.after.decode(encoding)


@settings(deadline=None)
@given(st.binary(max_size=2000).filter(lambda data: b"\0" not in data))
def test_any_bytes_come_back_unchanged(data: bytes) -> None:
    document = parse(data)
    assert document.to_bytes() == data
    structure_defects(document)


_LINES = st.lists(
    st.one_of(
        st.sampled_from(
            ["[CONFIG]", "[CANAL1]", "[CANAL1.PAD1.LAD1]", "[CANAL2]", "; é", "", "NbCanaux=2", " Caracteristiques = Lecteur 01 "]
        ),
        st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=20),
    ),
    max_size=30,
)


@settings(deadline=None)
@given(lines=_LINES, ends=st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=1), value=st.text("abc 0/", min_size=1, max_size=9))
def test_an_edit_changes_one_value_and_nothing_else(lines: list[str], ends: list[str], value: str) -> None:
    data = "".join(line + ends[number % len(ends)] for number, line in enumerate(lines)).encode("latin-1")
    before = parse(data)
    after = parse(before.with_value("CANAL1", "Caracteristiques", value).to_bytes())
    assert after.get("CANAL1", "Caracteristiques") == value.strip(" ")
    old = [line.text for line in before.lines]
    new = [line.text for line in after.lines]
    if before.get("CANAL1", "Caracteristiques") is not None:
        assert len(old) == len(new)
        assert sum(a != b for a, b in zip(old, new, strict=True)) <= 1
    else:
        assert len(new) - len(old) in {1, 2}
        remaining = iter(new)
        assert all(text in remaining for text in old), "the old lines are all there, in their order"


_READERS = st.lists(st.sampled_from(["Lecteur A", "Lecteur B", "Lecteur C", "Windows Hello 1"]), min_size=1, max_size=4, unique=True)
_NOISE = st.sampled_from(
    ["; à garder 1", "CleInconnue = à garder 2", "; TCanal=9 à garder 3", "", "  ", "ligne sans signe à garder 4", ";"]
)


@st.composite
def _files(draw: st.DrawFn) -> bytes:
    """Files as practices have them and worse: ghosts, doubles, holes, keys of others, any line ends and encoding, perhaps a mark."""
    wanted = draw(st.lists(st.tuples(st.sampled_from(["CPS", "Vitale", "CPS1", "Vitale2", "Log_SV"]), st.sampled_from("ABCD")), max_size=5))
    channels = [
        {"number": number, "reader": f"Lecteur {letter}", "resources": [name]} for number, (name, letter) in enumerate(wanted, start=1)
    ]
    lines = galss_ini(channels, line_end="\n", encoding="utf-8", comment="à garder 0").decode().splitlines()
    for _ in range(draw(st.integers(0, 6))):
        lines.insert(draw(st.integers(0, len(lines))), draw(_NOISE))
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(lines) - 1))
        lines[place : place + 1] = draw(st.sampled_from([[], [lines[place]] * 2, [lines[place].upper()], ["\t" + lines[place] + " "]]))
    ends = draw(st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=1, max_size=2))
    text = "".join(line + ends[number % len(ends)] for number, line in enumerate(lines))
    encoding = draw(st.sampled_from(["latin-1", "utf-8", "utf-8-sig"]))
    return text.encode(encoding)


def _kept(data: bytes) -> list[str]:
    """The lines of a file that no realignment may lose outside of the channels it takes out: what GALSS itself does not know."""
    return [line.text for line in parse(data).lines if not line.section.upper().startswith("CANAL") and "à garder" in line.text]


@settings(deadline=None, max_examples=200)
@given(data=_files(), readers=_READERS, cards=st.permutations(["cps", "vitale", "empty", "unknown"]))
def test_whatever_is_realigned_is_right_and_nothing_of_others_is_lost(data: bytes, readers: list[str], cards: list[str]) -> None:
    slots = [slot(name, card) for name, card in zip(readers, cards, strict=False)]
    try:
        proposal = realign(data, slots, family="macos")
    except GalssIniError:
        return  # not enough is known: nothing is proposed
    assert _refs(proposal.after, slots) == []
    before, after = parse(data), parse(proposal.after)
    assert (after.encoding, after.byte_order_mark) == (before.encoding, before.byte_order_mark)
    assert {line.line_end for line in after.lines} <= {line.line_end for line in before.lines}
    remaining = iter(_kept(proposal.after))
    assert all(text in remaining for text in _kept(data)), "what is not GALSS's stays, in its order"
    listed = {entry.name for entry in slots if entry.kind == "reader"}
    assert {channel.reader for channel in read_model(after).channels if channel.kind == 3} <= listed
    assert realign(proposal.after, slots, family="macos").changes == (), "what was realigned is aligned"


def test_a_comment_above_a_channel_goes_and_stays_with_that_channel() -> None:
    data = galss_ini(
        [*PCSC, {"number": 3, "reader": "parti", "resources": ["CPS1"]}, {"number": 4, "reader": READER, "resources": ["CPS2"]}]
    )
    data = data.replace(b"[CANAL3]", b"; canal du lecteur parti\n[CANAL3]").replace(
        b"[CANAL4]", b"; canal du comptoir\n; (en service)\n[CANAL4]"
    )
    after = realign(data, [slot(READER, "cps"), slot(READER_01, "vitale")], family="macos").after.decode("latin-1")
    assert "; canal du comptoir\n; (en service)\n[CANAL3]\n" in after


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-8-sig"])
@pytest.mark.parametrize("last", ["", "\n"])
def test_a_comment_at_the_end_of_the_file_stays_when_its_last_channel_goes(line_end: str, encoding: str, last: str) -> None:
    channels = [*PCSC, {"number": 3, "reader": "parti", "resources": ["CPS1"]}]
    notes = "; réglé par le cabinet\n# ne pas toucher\n\n; note du cabinet"
    text = galss_ini(channels, encoding="utf-8").decode() + notes + last
    data = text.replace("\n", line_end).encode(encoding)
    after = realign(data, [slot(READER, "cps"), slot(READER_01, "vitale")], family="macos").after
    end = "; réglé par le cabinet\n# ne pas toucher\n; note du cabinet" + last
    assert after.endswith(end.replace("\n", line_end).encode(encoding.removesuffix("-sig")))
    assert b"CANAL3" not in after


def test_a_comment_inside_a_channel_that_goes_stays() -> None:
    data = galss_ini([*PCSC, {"number": 3, "reader": "parti", "resources": ["CPS1"]}])
    data = data.replace(b"Caracteristiques=parti\n", b"; lecteur du Dr Martin\nCaracteristiques=parti\n")
    after = realign(data, [slot(READER, "cps"), slot(READER_01, "vitale")], family="macos").after
    assert b"; lecteur du Dr Martin\n" in after
    assert b"parti" not in after


def _comments(data: bytes) -> list[bytes]:
    """Every comment line of a file, as its bytes stand there, whatever the line ends."""
    return [line for line in re.split(rb"[\r\n]", data.removeprefix(b"\xef\xbb\xbf")) if line.strip(b" \t").startswith((b";", b"#"))]


@settings(deadline=None, max_examples=300)
@given(
    data=_files(),
    notes=st.lists(st.tuples(st.integers(0, 200), st.sampled_from(["; à", "#é=1", " \t; TCanal=3", ";", "; note du cabinet"])), max_size=4),
    cut=st.sampled_from([b"", b"\r\n"]),
    readers=_READERS,
    cards=st.permutations(["cps", "vitale", "empty", "unknown"]),
)
def test_no_comment_is_ever_lost_and_the_second_time_changes_nothing(
    data: bytes, notes: list[tuple[int, str]], cut: bytes, readers: list[str], cards: list[str]
) -> None:
    """Comments anywhere, also after the last channel and without a line end: their bytes are all there, in their order."""
    document = parse(data)
    end = document.style.encode()
    lines = data.splitlines(keepends=True)
    for place, note in notes:
        lines.insert(min(place, len(lines)), note.encode(document.encoding if document.encoding != "ascii" else "latin-1") + end)
    data = b"".join(lines).rstrip(cut)
    slots = [slot(name, card) for name, card in zip(readers, cards, strict=False)]
    try:
        proposal = realign(data, slots, family="macos")
    except GalssIniError:
        return  # not enough is known: nothing is proposed
    assert _comments(proposal.after) == _comments(data)
    again = realign(proposal.after, slots, family="macos")
    assert (again.changes, again.after) == ((), proposal.after)


def test_a_file_whose_channels_name_no_protocol_is_not_added_to() -> None:
    data = galss_ini(PCSC[1:]).replace(b"Protocole=1\n", b"").replace(b"NbCanaux=1", b"NbCanaux=2")
    with pytest.raises(GalssIniError) as caught:
        realign(data, [slot(READER, "cps"), slot(READER_01, "vitale")], family="macos")
    assert (caught.value.problems[0].ref, caught.value.problems[0].params["reason"]) == ("galss.realign-refused", "Protocole")


def test_a_file_that_says_utf_8_takes_a_reader_with_an_accent() -> None:
    data = b"\xef\xbb\xbf" + galss_ini([{**PCSC[0], "reader": "parti"}], comment="e").replace("é".encode("latin-1"), b"e")
    after = realign(data, [slot("Lecteur à puce", "cps")], family="macos").after
    assert after.startswith(b"\xef\xbb\xbf")
    assert "Caracteristiques=Lecteur à puce" in after.decode("utf-8")


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"x" * (MAXIMUM_BYTES + 1), "too-large"),
        ("[CONFIG]\r\n".encode("utf-16"), "not-text"),
        (b"\n" * 5000, "too-large"),
    ],
)
def test_what_is_no_galss_ini_is_refused_in_words_of_its_own(data: bytes, cause: str) -> None:
    with pytest.raises(GalssIniError) as caught:
        parse(data)
    (problem,) = caught.value.problems
    assert (problem.ref, problem.told, problem.evidence) == ("galss.unreadable", f"galss.unreadable.{cause}", {"cause": cause})


def test_a_line_of_blanks_is_read_in_linear_time() -> None:
    assert parse(b" " * (MAXIMUM_BYTES - 1)).blank


def test_a_ghost_in_the_middle_goes_and_later_channels_move_up() -> None:
    channels = [
        *PCSC,
        {"number": 3, "reader": "Ancien lecteur", "resources": ["CPS1"]},
        {"number": 4, "reader": READER, "resources": ["CPS2"]},
    ]
    slots = [slot(READER, "cps"), slot(READER_01, "vitale")]
    proposal = realign(galss_ini(channels), slots, family="macos")
    model = read_model(parse(proposal.after))
    assert [(channel.number, channel.index, channel.reader) for channel in model.channels] == [
        (1, 1, READER),
        (2, 2, READER_01),
        (3, 3, READER),
    ]
    assert model.declared == 3
    assert [protocol.channels for protocol in model.protocols] == [None, (1, 2, 3)]
    assert model.channels[2].resources[0].name == "CPS2"


def test_a_serial_file_keeps_its_protocol_section_when_converted() -> None:
    data = galss_ini([{"number": 1, "reader": "9600", "resources": ["CPS", "Log_SV", "Vitale"]}], line_end="\r")
    proposal = realign(data, [slot(READER, "cps"), slot(READER_01, "vitale")], family="macos")
    model = read_model(parse(proposal.after))
    assert [protocol.library for protocol in model.protocols] == ["pssinosx.framework", "pcscosx.framework"]
    assert model.mode == "pcsc"
    assert b"\n" not in proposal.after


@pytest.mark.parametrize(
    ("slots", "ref"),
    [
        ([slot(READER), slot(READER_01, "vitale")], "galss.realign-needs-cps"),
        ([slot(READER, "cps"), slot(READER_01, "cps")], "galss.realign-two-cps"),
        ([slot("Windows Hello for Business 1", "cps")], "galss.realign-needs-cps"),
        ([slot("A", "cps"), slot("B"), slot("C")], "galss.realign-needs-vitale"),
        ([], "galss.realign-needs-cps"),
    ],
)
def test_nothing_is_proposed_without_enough_information(slots: list[Any], ref: str) -> None:
    with pytest.raises(GalssIniError) as caught:
        realign(b"", slots, family="macos")
    assert caught.value.problems[0].ref == ref


def test_the_only_other_card_is_deduced_to_be_the_vitale_and_marked_so() -> None:
    proposal = realign(b"", [slot("A", "cps"), slot("B", "unknown"), slot("C")], family="windows")
    assert [(change.new, change.deduced) for change in proposal.changes if change.what == "add-channel"] == [("A", False), ("B", True)]


@pytest.mark.parametrize("first_letter_only", ["F", "FEI", READER + " 02"])
def test_a_name_the_system_does_not_list_is_never_written(first_letter_only: str) -> None:
    data = galss_ini([{**PCSC[0], "reader": first_letter_only}, PCSC[1]])
    with pytest.raises(GalssIniError) as caught:
        validate(data, [slot(READER, "cps"), slot(READER_01, "vitale")])
    assert caught.value.problems[0].ref == "galss.realign-name-unlisted"


def test_a_reader_name_outside_the_file_s_encoding_is_refused() -> None:
    with pytest.raises(GalssIniError) as caught:
        realign(galss_ini([{"number": 1, "reader": "parti", "resources": ["CPS"]}]), [slot("读卡器", "cps")], family="macos")
    assert caught.value.problems[0].ref == "galss.unwritable-name"


@pytest.mark.parametrize("name", ["Lecteur\n[CANAL9]", "Lecteur\rNbCanaux=9", " Lecteur", "Lecteur ", ""])
def test_a_reader_name_that_would_change_the_file_s_structure_is_refused(name: str) -> None:
    with pytest.raises(GalssIniError) as caught:
        realign(galss_ini(PCSC), [slot(name, "cps"), slot(READER_01, "vitale")], family="macos")
    assert caught.value.problems[0].ref in {"galss.realign-name-unlisted", "galss.realign-refused", "galss.realign-needs-cps"}


class TestApply:
    SLOTS = (slot(READER, "vitale"), slot(READER_01, "cps"))

    def test_replaces_the_file_and_keeps_its_mode_and_attributes(self, tmp_path: Path) -> None:
        path = tmp_path / "galss.ini"
        path.write_bytes(galss_ini(PCSC, line_end="\r"))
        path.chmod(0o664)
        os.setxattr(path, "user.note", b"cabinet")
        proposal = realign(path.read_bytes(), self.SLOTS, family="macos")
        apply_proposal(*volume_of(path), proposal, lambda: self.SLOTS)
        assert path.read_bytes() == proposal.after
        assert path.stat().st_mode & 0o777 == 0o664
        assert os.getxattr(path, "user.note") == b"cabinet"
        assert [entry.name for entry in tmp_path.iterdir()] == ["galss.ini"]

    def test_a_second_time_changes_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "galss.ini"
        path.write_bytes(galss_ini(PCSC) + b"; note du cabinet")
        proposal = realign(path.read_bytes(), self.SLOTS, family="macos")
        apply_proposal(*volume_of(path), proposal, lambda: self.SLOTS)
        written = path.stat()
        apply_proposal(*volume_of(path), proposal, lambda: self.SLOTS)
        assert path.read_bytes() == proposal.after
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)

    def test_creates_an_absent_file(self, tmp_path: Path) -> None:
        path = tmp_path / "galss.ini"
        apply_proposal(*volume_of(path), realign(None, self.SLOTS, family="macos"), lambda: self.SLOTS)
        assert _refs(path.read_bytes(), self.SLOTS) == []

    def test_a_file_changed_in_the_meantime_is_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "galss.ini"
        path.write_bytes(galss_ini(PCSC))
        proposal = realign(path.read_bytes(), self.SLOTS, family="macos")
        path.write_bytes(b"; another program\n")
        with pytest.raises(GalssIniError) as caught:
            apply_proposal(*volume_of(path), proposal, lambda: self.SLOTS)
        assert caught.value.problems[0].ref == "galss.realign-changed"
        assert path.read_bytes() == b"; another program\n"

    def test_a_reader_unplugged_in_the_meantime_stops_it(self, tmp_path: Path) -> None:
        path = tmp_path / "galss.ini"
        path.write_bytes(galss_ini(PCSC))
        proposal = realign(path.read_bytes(), self.SLOTS, family="macos")
        with pytest.raises(GalssIniError) as caught:
            apply_proposal(*volume_of(path), proposal, lambda: self.SLOTS[:1])
        assert caught.value.problems[0].ref == "galss.realign-name-unlisted"
        assert path.read_bytes() == proposal.before

    def test_a_disk_that_keeps_other_bytes_than_those_written_is_noticed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "galss.ini"
        path.write_bytes(galss_ini(PCSC))
        whole = Volume.write_file_durably

        def cut(self: Volume, place: str, content: bytes, metadata: Any) -> None:  # noqa: ANN401 - as it came
            whole(self, place, content[:-1], metadata)

        monkeypatch.setattr(Volume, "write_file_durably", cut)
        with pytest.raises(GalssIniError) as caught:
            apply_proposal(*volume_of(path), realign(path.read_bytes(), self.SLOTS, family="macos"), lambda: self.SLOTS)
        assert caught.value.problems[0].ref == "galss.realign-readback"

    def test_a_full_disk_leaves_the_file_as_it_was(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "galss.ini"
        path.write_bytes(galss_ini(PCSC))
        proposal = realign(path.read_bytes(), self.SLOTS, family="macos")

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(GalssIniError) as caught:
            apply_proposal(*volume_of(path), proposal, lambda: self.SLOTS)
        assert caught.value.problems[0].ref == "galss.realign-unwritable"
        assert path.read_bytes() == proposal.before
        assert [entry.name for entry in tmp_path.iterdir()] == ["galss.ini"]

    @pytest.mark.parametrize(
        ("what", "told"),
        [("link", "link"), ("folder", "folder"), ("pipe", "no-file"), ("huge", "too-large"), ("closed", None)],
    )
    def test_what_is_no_ordinary_file_of_its_size_is_neither_followed_nor_waited_for(
        self, tmp_path: Path, what: str, told: str | None
    ) -> None:
        path = tmp_path / "galss.ini"
        if what == "link":
            (tmp_path / "target").write_bytes(galss_ini(PCSC))
            path.symlink_to(tmp_path / "target")
        elif what == "folder":
            path.mkdir()
        elif what == "pipe":
            os.mkfifo(path)
        elif what == "huge":
            path.write_bytes(b"x" * 70_000)
        else:
            path.parent.joinpath("loop").symlink_to("loop")
            path = tmp_path / "loop" / "galss.ini"
        with pytest.raises(GalssIniError) as caught:
            read_galss_ini(*volume_of(path))
        first, *more = caught.value.problems
        assert (first.ref, first.told) == ("galss.unreadable", told and f"galss.unreadable.{told}")
        assert [problem.ref for problem in more] == ([] if told else ["volume.link-in-the-way"]), "what the system refused is told once"

    def test_a_link_on_the_way_never_leads_out_of_a_volume(self, tmp_path: Path) -> None:
        (tmp_path / "poste").mkdir()
        (tmp_path / "ailleurs").mkdir()
        (tmp_path / "ailleurs" / "galss.ini").write_bytes(galss_ini(PCSC))
        (tmp_path / "poste" / "Library").symlink_to(tmp_path / "ailleurs")
        with pytest.raises(UsageError) as caught:
            volume_of(tmp_path / "poste" / "Library" / "galss.ini", tmp_path / "poste")
        assert caught.value.problems[0].ref == "galss.file-elsewhere"
        with Volume(tmp_path / "poste") as volume, pytest.raises(GalssIniError) as unreadable:
            read_galss_ini(volume, "/Library/galss.ini")
        assert [problem.ref for problem in unreadable.value.problems] == ["galss.unreadable", "volume.link-in-the-way"]
