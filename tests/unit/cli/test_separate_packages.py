"""The three components as three packages, each signed by its own publisher: what a practice downloads when there is no assembled build."""

from __future__ import annotations

import re
import shutil
import zipfile
from typing import TYPE_CHECKING

import pytest

from atsam_safe.volume.state_place import DEFAULT_PLACE
from lab.atsam import ATSAM_VERSIONS, CRYPTOLIB, GALSS, SRVSVCNAM, Sabotage, build_component
from lab.authority import ANS, SESAM_VITALE, Authority
from lab.catalogue import write_test_manifests
from lab.items import file, symlink
from lab.stage import Stage
from lab.workstation import lay_out, lay_out_mojave

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lab.items import Item

PUBLISHERS = {GALSS: SESAM_VITALE, SRVSVCNAM: SESAM_VITALE, CRYPTOLIB: ANS}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create()


@pytest.fixture
def separate(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage without assembled packages."""
    folder = tmp_path / "stage"
    folder.mkdir()
    write_test_manifests(folder / "catalogue", authority.trust())
    lay_out_mojave(folder / "poste")
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "logs"))
    return Stage(folder=folder, monkeypatch=monkeypatch)


def put(
    stage: Stage,
    authority: Authority,
    versions: Mapping[str, str],
    *,
    form: str,
    publishers: Mapping[str, tuple[str, str]] = PUBLISHERS,
    more: Mapping[str, Item] | None = None,
) -> str:
    """The packages in a folder, or in a .zip of it; their names say nothing, as names must not be believed."""
    folder = stage.folder / "paquets"
    folder.mkdir()
    for number, (component, version) in enumerate(versions.items()):
        sabotage = Sabotage(extra=(more[component],)) if more is not None and component in more else None
        package = build_component(component, version, authority.signer(publishers[component]), sabotage=sabotage)
        (folder / f"telechargement-{number}.pkg").write_bytes(package)
    if form == "folder":
        return str(folder)
    archive = stage.folder / "paquets.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for path in sorted(folder.iterdir()):
            target.write(path, f"ATSAM/{path.name}")
    return str(archive)


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_three_packages_that_form_a_build_are_that_build_and_install(separate: Stage, authority: Authority, form: str) -> None:
    packages = put(separate, authority, ATSAM_VERSIONS["4.41"], form=form)
    checked = separate.run(*separate.on, "--json", "check", packages).json
    assert checked["exit_code"] == 0, checked["errors"]
    assert checked["data"]["bundle"] == checked["data"]["recommended"]
    assert checked["data"]["unit"] is True
    assert checked["data"]["target"] == ATSAM_VERSIONS["4.41"]
    installed = separate.run(*separate.on, "--json", "install", packages, "--yes").json
    assert installed["exit_code"] == 0, installed["errors"]
    status = separate.run(*separate.on, "--json", "status").json
    assert status["exit_code"] == 0, status["errors"]
    assert status["data"]["bundle"] == checked["data"]["bundle"]


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_packages_of_two_builds_are_no_build(separate: Stage, authority: Authority, form: str) -> None:
    mixed = {**ATSAM_VERSIONS["4.41"], CRYPTOLIB: ATSAM_VERSIONS["4.50"][CRYPTOLIB]}
    packages = put(separate, authority, mixed, form=form)
    before = sorted(str(path) for path in (separate.folder / "poste").rglob("*"))
    refused = separate.run(*separate.on, "--json", "install", packages, "--yes").json
    assert refused["exit_code"] == 10
    refs = {error["ref"] for error in refused["errors"]}
    assert "bundle.mixed" in refs
    assert sorted(str(path) for path in (separate.folder / "poste").rglob("*")) == before


SHARED = "Library/Application Support/santesocial/zz"
MEETING = {
    "case": (file(f"{SHARED}/readme", b"a"), file(f"{SHARED}/README", b"b")),
    "content": (file(f"{SHARED}/x", b"a"), file(f"{SHARED}/x", b"b")),
    "link": (symlink(f"{SHARED}/out", "/private/etc"), file(f"{SHARED}/out/evil", b"b")),
    "settings": (file(f"{SHARED}/x", b"a"), file("Library/Preferences/GALSS.INI", b"b")),
}


@pytest.mark.parametrize("form", ["folder", "zip"])
@pytest.mark.parametrize("case", MEETING)
def test_packages_that_meet_only_together_are_refused_and_nothing_is_touched(
    separate: Stage, authority: Authority, form: str, case: str
) -> None:
    """Each was sound by itself, and what they made together was seen when half of it lay there, or not at all."""
    more = dict(zip((GALSS, CRYPTOLIB), MEETING[case], strict=True))
    packages = put(separate, authority, ATSAM_VERSIONS["4.41"], form=form, more=more)
    before = sorted(str(path) for path in (separate.folder / "poste").rglob("*"))
    assert separate.run("--json", *separate.on[:2], "inspect", packages).code == 0
    for command in (("check",), ("--yes", "install")):
        refused = separate.run("--json", *separate.on, *command, packages).json
        assert refused["exit_code"] == 12
        assert [error["ref"] for error in refused["errors"]] == ["package.path-collision"]
    assert sorted(str(path) for path in (separate.folder / "poste").rglob("*")) == before


def test_a_component_signed_by_the_other_publisher_is_refused(separate: Stage, authority: Authority) -> None:
    packages = put(separate, authority, ATSAM_VERSIONS["4.41"], form="folder", publishers={**PUBLISHERS, CRYPTOLIB: SESAM_VITALE})
    refused = separate.run(*separate.on, "--json", "check", packages).json
    assert refused["exit_code"] == 12
    assert [error["ref"] for error in refused["errors"]] == ["package.wrong-signer"]


def test_several_packages_that_are_a_build_together_are_called_by_it(separate: Stage, authority: Authority) -> None:
    """Each was said to be no known build, three times, while together they are one."""
    folder = put(separate, authority, ATSAM_VERSIONS["4.41"], form="folder")
    inspected = separate.run(*separate.on, "inspect", folder).out
    assert "Ensemble, ces paquets sont ATSAM 4.41." in inspected
    assert inspected.count("Une partie de la version ATSAM 4.41.") == len(ATSAM_VERSIONS["4.41"])
    assert "n’est pas une version" not in inspected
    checked = separate.run(*separate.on, "check", folder).out
    assert "Le poste aura ensuite ATSAM 4.41 (" in checked


ACCEPTED = {GALSS: "3.43.02", CRYPTOLIB: "5.2.1"}


def test_a_set_that_was_accepted_is_told_as_accepted_and_no_alarm_for_ever(separate: Stage, authority: Authority) -> None:
    lay_out(separate.folder / "sonoma", os_version="14.7.4", build="23H420", hardware="x86_64")
    on = ("--manifests", str(separate.folder / "catalogue"), "--root", str(separate.folder / "sonoma"))
    folder = put(separate, authority, ACCEPTED, form="folder")
    assert separate.run(*on, "--yes", "install", folder).code == 10
    assert separate.run(*on, "--yes", "--accept", "os.unlisted", "install", folder).code == 0
    for command in ("status", "verify"):
        answer = separate.run(*on, "--json", command)
        assert (answer.code, answer.json["data"]["fit"]) == (0, True), command
        (notice,) = [one for one in answer.json["notices"] if one["ref"] == "set.uncertain-for-os"]
        assert re.search(r"accepté lors de l’installation du \d\d/\d\d/\d{4} \(os\.unlisted\)", notice["what"])
        assert "set-macos" not in f"{notice['what']} {notice['why']} {notice['next']}"
    # what nobody accepted stays an alarm: the record counts, not the set
    shutil.rmtree(separate.folder / f"sonoma{DEFAULT_PLACE}")
    assert separate.run(*on, "--json", "status").code == 11
