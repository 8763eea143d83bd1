"""``manifests show`` for a person: readable in both languages, for every entry of the catalogue."""

from __future__ import annotations

import io
from typing import get_args

import pytest

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.catalogue.statement import PathRole
from atsam_safe.cli.arguments import GlobalOptions
from atsam_safe.cli.commands import manifests
from atsam_safe.cli.session import Session
from atsam_safe.report import text_form
from atsam_safe.report.views.manifests import ROLES, SERVICES
from atsam_safe.words.model import LANGUAGES, Language

CATALOGUE = load_catalogue()
ENTRIES = [
    *(bundle.id for bundle in CATALOGUE.bundles),
    *(component.id for component in CATALOGUE.components),
    *(dependent.id for dependent in CATALOGUE.dependents),
    *(release.name for release in CATALOGUE.os_releases),
]


def shown(entry: str, language: Language) -> str:
    return text_form.render(manifests.run(Session(GlobalOptions(), language), action="show", entry=entry), language, stream=io.StringIO())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_is_told_in_words(entry: str, language: Language) -> None:
    text = shown(entry, language)
    assert not set("{}[]") & set(text.replace("[0-9]", ""))
    assert "null" not in text
    assert "--json" in text
    assert len(text.splitlines()) > 5


PARTS = {
    ("atsam-macos-4.41", "fr"): (
        "Lot de composants : ATSAM 4.41 (atsam-macos-4.41)",
        "macOS 10.14 (vu en cabinet)",
        "SrvSVCNAM 3.40.02 ou 3.42.02",
        "GIE SESAM-Vitale, 5H8W5749XS (seulement déduit)",
        "Note du catalogue, en anglais : the insurance's site",
        "ORIGIN download page",
    ),
    ("galss", "fr"): (
        "Composant : GALSS (galss)",
        "Éditeur : GIE SESAM-Vitale",
        "macOS 3.42.03 (vu en cabinet)",
        "programmes : ",
        "fr.sesamvitale.fiss",
    ),
    ("galss", "en"): ("Component: GALSS (galss)", "Publisher: GIE SESAM-Vitale", "macOS 3.42.03 (seen in practices)", "programs: "),
    ("medistory", "fr"): ("Logiciel qui utilise les composants : MédiStory", "- Cryptolib CPS", "Jamais modifié, en aucun cas : oui"),
    ("Mojave", "fr"): ("Système : Mojave", "Version : 10.14"),
    ("field-macos-26-cryptolib-5.2.5", "fr"): ("GALSS 3.43.02 (facultatif)",),
}


@pytest.mark.parametrize(("entry", "language"), PARTS)
def test_what_a_person_looks_for_is_there(entry: str, language: Language) -> None:
    text = " ".join(shown(entry, language).split())
    assert [part for part in PARTS[entry, language] if part not in text] == []


def test_every_kind_of_path_and_service_has_words() -> None:
    assert set(ROLES) == set(get_args(PathRole))
    assert {service.domain for component in CATALOGUE.components for service in component.services} <= set(SERVICES)
