from __future__ import annotations

import pytest

from atsam_safe.cards.reader_kinds import confusable, reader_kind
from atsam_safe.cards.recognise import recognise
from atsam_safe.catalogue.load import load_catalogue

RULES = load_catalogue().cards


@pytest.mark.parametrize(
    ("atr", "kind", "generation", "interface", "recognised"),
    [
        ("3BAC00402A001225006480000310009000", "cps", "CPS3", "contact", True),
        ("3BAC00402A001225006480820212009000", "cps", "CPS3", "contact", False),
        ("3B8F80010031B86404B0ECC1739401808290000E", "cps", "CPS3", "contactless", True),
        ("3B9B188001001225006480040100009044", "cps", "CPS4", "contact", True),
        ("3B9B188001001225006480000401009044", "cps", "CPS4", "contact", True),
        ("3BDC18FF00001225006480000401009000", "cps", "CPS4", "contact", True),
        ("3BAC00402A001225006480000499009000", "cps", "CPS3", "contact", False),
        ("3B9B188001001225006480050100009045", "cps", "CPS4", "contact", False),
        ("3BDC18FF00001225006480000501009000", "cps", "CPS4", "contact", False),
        ("3BDC18FF00001225006481000501009000", "unknown", "", "contact", False),
        ("3B7B1800000000000000000000000000", "cps", "CPS2ter", "contact", False),
        ("3B751300004309EA9000", "vitale", "Vitale 2", "contact", False),
        ("3B751300004C09EA9000", "vitale", "Vitale 2", "contact", False),
        ("3F6525002C09699000", "vitale", "Vitale 1", "contact", False),
        ("3F652500A4096A9000", "vitale", "Vitale 1", "contact", False),
        ("3B02145A", "unknown", "", "contact", False),
        ("3B8A8001006404B0ECC1739401808290000E", "unknown", "", "contactless", False),
        ("3BAC00402A0012250064800003100090", "unknown", "", "contact", False),
        ("", "unknown", "", "contact", False),
    ],
)
def test_the_catalogue_tells_the_cards_apart(atr: str, kind: str, generation: str, interface: str, recognised: bool) -> None:  # noqa: FBT001 - a case
    card = recognise(bytes.fromhex(atr), RULES)
    assert (card.kind, card.generation, card.interface, card.recognised_by_library) == (kind, generation, interface, recognised)


def test_an_exact_rule_stands_before_its_family() -> None:
    patterns = [rule.pattern for rule in RULES]
    for number, pattern in enumerate(patterns):
        for later in patterns[number + 1 :]:
            covers = len(pattern) == len(later) and all(a in ("x", b) for a, b in zip(pattern, later, strict=True))
            assert not covers, f"{pattern} hides {later}"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Windows Hello for Business 1", "virtual"),
        ("Microsoft Virtual Smart Card 0", "virtual"),
        ("Virtual slot 2", "virtual"),
        ("PSS SmartCard Reader", "virtual"),
        ("Yubico YubiKey OTP+FIDO+CCID 00 00", "security-key"),
        ("Kapelse CCID Interface CLESS slot2 0", "contactless"),
        ("FEI Smart Card NFC 0", "contactless"),
        ("HID Global OMNIKEY 5422CL Smartcard Reader 0", "contactless"),
        ("ACS ACR1281 1S Dual Reader PICC 0", "contactless"),
        ("Identive CLOUD 2700 R Smart Card Reader 0", "reader"),
        ("Ingenico * TL TELIUM 1 0", "reader"),
        ("FEI USB Card Reader/QR Scanner 01", "reader"),
        ("OLAQIN * TL VITALACT 2 0", "reader"),
        ("FEI Smart Card CV1/CV2 0", "reader"),
        ("Lecteur de la salle Vénus", "reader"),
    ],
)
def test_readers_are_told_apart(name: str, kind: str) -> None:
    assert reader_kind(name) == kind


def test_names_that_may_change_places() -> None:
    names = ["FEI USB Card Reader/QR Scanner", "FEI USB Card Reader/QR Scanner 01", "Identive 0", "Windows Hello 1", "Windows Hello 2"]
    assert confusable(names) == (("FEI USB Card Reader/QR Scanner", "FEI USB Card Reader/QR Scanner 01"),)
    assert confusable(["Ingenico TL TELIUM(1)", "Ingenico TL TELIUM(3)"]) == (("Ingenico TL TELIUM(1)", "Ingenico TL TELIUM(3)"),)
    assert confusable(["A 0", "B 0"]) == ()
