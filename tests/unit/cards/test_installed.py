"""What is installed is recognised once: the ladder is told the components and the software that every other command sees."""

from __future__ import annotations

from typing import Any

import pytest

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.cli.commands.cards import installed_on
from atsam_safe.facts.model import Facts, InstalledProduct, OperatingSystem, PathFact, Receipt
from atsam_safe.verify.assessment import assess

CRYPTOLIB = "fr.asipsante.pkg.cryptolibCPS"
MODULE = "/usr/local/lib/libcps3_pkcs11_osx.dylib"
UNKNOWN_CODE = "{01234567-89AB-CDEF-0123-456789ABCDEF}"


def product(name: str, version: str) -> InstalledProduct:
    return InstalledProduct(code=UNKNOWN_CODE, name=name, version=version)


def seen(path: str, kind: Any = "file") -> PathFact:  # noqa: ANN401 - one of the kinds of an entry
    return PathFact(path=path, kind=kind, mode=0o755, uid=0, gid=0)


WINDOWS, MACOS = OperatingSystem(family="windows", version="10.0.26100"), OperatingSystem(family="macos", version="14.5")


@pytest.mark.parametrize(
    ("facts", "versions", "users"),
    [
        # a code this program has never seen, under the name the vendor gives the product
        (Facts(adapter="lab", os=WINDOWS, products=(product("GALSS v3.43.04", "3.43.04"),)), {"galss": "3.43.04"}, ()),
        (
            Facts(adapter="lab", os=WINDOWS, products=(product("Composants Cryptographiques CPS v5.1.9 (x64)", "5.1.9"),)),
            {"cryptolib": "5.1.9"},
            (),
        ),
        # galss.ini went with GALSS, and the software that reads it is still there
        (Facts(adapter="lab", os=WINDOWS, products=(product("DMP Connect JS2", "1.11.14"),)), {}, ("dmp-connect-js2",)),
        (Facts(adapter="lab", os=MACOS, paths=(seen("/Applications/MédiStory 7.app", "directory"),)), {}, ("medistory",)),
        # the SESAM-Vitale supplies go through GALSS with serial readers only
        (Facts(adapter="lab", os=MACOS, receipts=(Receipt(identifier="fr.sesamvitale.fsv-1.40.1413.pkg", version="1.40.1413"),)), {}, ()),
        # a receipt whose files are all gone is nothing that is installed
        (Facts(adapter="lab", os=MACOS, receipts=(Receipt(identifier="fr.sesamvitale.galss.pkg", version="3.43.02"),)), {}, ()),
    ],
    ids=["galss-by-name", "cryptolib-by-name", "dmp-connect", "medistory-by-path", "fsv", "orphan-receipt"],
)
def test_the_ladder_knows_what_status_knows(facts: Facts, versions: dict[str, str | None], users: tuple[str, ...]) -> None:
    catalogue = load_catalogue()
    found = installed_on(facts, catalogue)
    core = {state.component: state.version for state in assess(facts, catalogue).components if state.core and state.state != "absent"}
    assert {component: version for component, version in found.versions.items() if component in core} == versions == core
    assert found.galss_users == users


@pytest.mark.parametrize(
    ("system", "version", "builds"),
    [
        ("10.14.6", "5.1.5", ()),
        ("10.15.7", "5.1.8", ()),
        ("13.6", "5.1.19", ("Cryptolib CPS 5.2.1, GALSS 3.43.02",)),
        (None, "5.1.8", None),
        ("13.6", "5.2.1", "reads it"),
    ],
)
def test_which_cards_the_installed_release_cannot_read_and_what_would(
    system: str | None, version: str, builds: tuple[str, ...] | str | None
) -> None:
    facts = Facts(
        adapter="lab",
        os=OperatingSystem(family="macos", version=system),
        receipts=(Receipt(identifier=CRYPTOLIB, version=version),),
        paths=(seen(MODULE),),
    )
    found = installed_on(facts, load_catalogue()).unread
    assert [(entry.name, entry.version, entry.builds) for entry in found] == ([] if builds == "reads it" else [("CPS4", version, builds)])
