"""What GALSS itself refuses in its file, code by code, and nothing it is not known to refuse."""

from __future__ import annotations

import pytest

from atsam_safe.cards.galss_ini import parse
from atsam_safe.cards.galss_structure import structure_defects
from lab.atsam import DEFAULT_GALSS_INI
from lab.card.galss_files import galss_ini
from lab.workstation import pcsc_ini

READER, READER_01 = "FEI USB Card Reader/QR Scanner", "FEI USB Card Reader/QR Scanner 01"
PCSC = [
    {"number": 1, "reader": READER, "resources": ["CPS"]},
    {"number": 2, "reader": READER_01, "resources": ["Vitale"]},
]
HEAD = "[CONFIG]\nNbCanaux=1\n[PROTOCOLE1]\nNomLib=pcscosx.framework\n[CANAL1]\nTCanal=3\nIndex=1\nProtocole=1\nCaracteristiques=A\n"


@pytest.mark.parametrize(
    ("edit", "code", "key"),
    [
        (("NbCanaux=2", "NbCanaux=deux"), 0x800D, "NbCanaux"),
        (("NbCanaux=2", "NbCanaux=0"), 0x8003, "NbCanaux"),
        (("NbCanaux=2", "NbCanaux=3"), 0x8004, "CANAL3"),
        (("Protocole=1", "Protocole="), 0x8004, "Protocole"),
        (("Protocole=1", "Protocole=7"), 0x8005, "Protocole"),
        (("NomLib=pcscosx.framework", "NomLib="), 0x8006, "NomLib"),
        (("TCanal=3", "TCanal=x"), 0x8007, "TCanal"),
        (("Index=1", "Index="), 0x8007, "Index"),
        ((f"Caracteristiques={READER}\n", "Caracteristiques=\n"), 0x8008, "Caracteristiques"),
        (("NomLAD=Vitale", "NomLAD=VitaleTropLong"), 0x8011, "NomLAD"),
        (("PAD=0", "PAD=300"), 0x800F, "PAD"),
        (("PAD=0", "PAD=-1"), 0x800F, "PAD"),
        (("PAD=0\n", ""), 0x800F, "PAD"),
        (("NbPAD=1", "NbPAD=2"), 0x800F, "PAD"),
        (("LAD=1", "LAD=256"), 0x8010, "LAD"),
        (("\nLAD=1", ""), 0x8010, "LAD"),
        (("\nLAD=1", "\nLAD="), 0x8010, "LAD"),
        (("NbLAD=1", "NbLAD=3"), 0x8010, "LAD"),
        (("NomLAD=Vitale\n", ""), 0x8011, "NomLAD"),
        (("NomAlias1=TRANSPA1\n", ""), 0x8011, "NomAlias"),
    ],
)
def test_what_galss_itself_would_refuse(edit: tuple[str, str], code: int, key: str) -> None:
    text = galss_ini(PCSC).decode("latin-1").replace(*edit)
    defects = structure_defects(parse(text.encode("latin-1")))
    assert (code, key) in {(defect.code, defect.key) for defect in defects}


@pytest.mark.parametrize(
    ("resources", "codes"),
    [
        # a channel without a resource: what is missing first is said, not everything that goes with it
        ("", [(0x800F, "PAD")]),
        ("NbPAD=1\n", [(0x800F, "PAD")]),
        ("NbPAD=1\n[CANAL1.PAD1]\nPAD=0\nNbLAD=1\n", [(0x8010, "LAD")]),
        ("NbPAD=1\n[CANAL1.PAD1]\nPAD=300\n[CANAL1.PAD1.LAD1]\nNomLAD=CPS\n", [(0x800F, "PAD"), (0x8010, "LAD")]),
        ("NbPAD=1\n[CANAL1.PAD1]\nPAD=300\nPAD=0\nNbLAD=1\n[CANAL1.PAD1.LAD1]\nLAD=1\nNomLAD=CPS\n", [(0x800F, "PAD")]),
        # both spellings of the same keys, and what GALSS does not count
        ("NbPAD=1\nPAD1=0\nNbLAD1=1\nLAD11=1\nNomLAD11=CPS\nNbAlias11=1\nNomAlias111=TRANSPA1\n", []),
        ("NbPAD=1\nPAD1=0\nNbLAD1=1\nNomLAD11=CPS\n", [(0x8010, "LAD")]),
        ("NbPAD=1\n[CANAL1.PAD1]\nPAD=255 ; adresse\nNbLAD=1\n[CANAL1.PAD1.LAD1]\nLAD=0\nNomLAD=CPS\n", []),
        ("NbPAD=1\n[CANAL1.PAD1]\nPAD=0\nNbLAD=1\n[CANAL1.PAD1.LAD1]\nLAD=1\nNomLAD=CPS\n[CANAL1.PAD2]\nPAD=300\nNbLAD=2\n", []),
        ("[CANAL1.PAD1]\nPAD=0\n[CANAL1.PAD1.LAD1]\nLAD=1\nNomLAD=CPS\n", []),
        # nobody says that GALSS refuses a channel that announces nothing
        ("NbPAD=0\n", []),
        ("NbPAD=1\n[CANAL1.PAD1]\nPAD=0\nNbLAD=0\n", []),
        # resources under headings this program does not know: it does not know either whose they are
        ("NbPAD=1\n[PAD1.1]\nPAD=0\nNbLAD=1\n[LAD1.1.1]\nLAD=1\nNomLAD=CPS\n", []),
    ],
)
def test_the_addresses_a_channel_announces_are_all_there(resources: str, codes: list[tuple[int, str]]) -> None:
    assert [(defect.code, defect.key) for defect in structure_defects(parse((HEAD + resources).encode()))] == codes


@pytest.mark.parametrize("data", [DEFAULT_GALSS_INI, pcsc_ini(), pcsc_ini(line_end="\r")])
def test_the_delivered_file_and_the_integrators_have_no_defect(data: bytes) -> None:
    assert structure_defects(parse(data)) == ()
