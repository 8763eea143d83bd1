"""The shipped catalogue on a volume: whatever it asks about is looked at, and what it calls private is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.catalogue.patterns import matches, matches_below
from atsam_safe.catalogue.system_folders import is_system_folder
from atsam_safe.workstation.offline import OfflineWorkstation
from lab.items import directory, file
from lab.workstation import lay_out, put, put_job

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue, Component, PathRule

USER = "docteur"


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    return load_catalogue()


def macos_components(catalogue: Catalogue) -> Iterator[Component]:
    return (component for component in catalogue.components if "macos" in component.families)


def macos_rules(catalogue: Catalogue) -> Iterator[PathRule]:
    return (rule for component in macos_components(catalogue) for rule in component.paths)


def concrete(pattern: str) -> str:
    """One path that ``pattern`` stands for on a volume whose only user is ``USER``."""
    return pattern.replace("~/", f"/Users/{USER}/", 1).replace("*", "x1")


def private_places(catalogue: Catalogue) -> list[str]:
    return [concrete(rule.path) for rule in macos_rules(catalogue) if rule.role == "private"]


@pytest.fixture(scope="module")
def everything(shipped: Catalogue, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A volume on which every path of the catalogue exists."""
    root = lay_out(tmp_path_factory.mktemp("everything") / "v", users=(USER,))
    for rule in sorted(macos_rules(shipped), key=lambda rule: rule.path.count("/")):
        target = root / concrete(rule.path)[1:]
        if not target.exists():
            put(root, [file(concrete(rule.path)[1:], b"x") if rule.scope == "file" else directory(concrete(rule.path)[1:])])
    for place in private_places(shipped):
        if (root / place[1:]).is_dir():
            put(root, [file(f"{place[1:]}/secret-patient.dat", b"x")])
    return root


def test_every_path_the_catalogue_names_is_seen(shipped: Catalogue, everything: Path) -> None:
    facts = OfflineWorkstation(everything).observe(shipped, ownership=True)
    seen = {fact.path for fact in facts.paths}
    private = private_places(shipped)
    configs = [config.path for component in macos_components(shipped) for config in component.configs]
    for rule in macos_rules(shipped):
        path = concrete(rule.path)
        if rule.role != "private" and not any(matches_below(place, path) for place in private):
            assert path in seen, rule.path
    for path in seen:
        if any(matches_below(place, path) for place in private):
            assert any(matches(concrete(pattern), path) for pattern in configs), path
    assert not [path for path in seen if "secret-patient" in path]
    assert facts.notes == ()


def test_the_catalogue_takes_no_folder_of_the_system(shipped: Catalogue) -> None:
    trees = [concrete(rule.path) for rule in macos_rules(shipped) if rule.scope == "tree"]
    effects = [concrete(effect.path) for component in macos_components(shipped) for effect in component.effects]
    assert [path for path in (*trees, *effects) if is_system_folder(path)] == []


def test_the_catalogue_has_private_places_at_all(shipped: Catalogue) -> None:
    assert any(place.startswith("/Library/Application Support/santesocial/fsv") for place in private_places(shipped))


def test_every_job_of_the_catalogue_is_found(shipped: Catalogue, tmp_path: Path) -> None:
    root = lay_out(tmp_path / "v", users=(USER,))
    folders = {"daemon": "Library/LaunchDaemons", "agent": "Library/LaunchAgents", "user-agent": f"Users/{USER}/Library/LaunchAgents"}
    labels = set()
    for component in macos_components(shipped):
        for rule in component.services:
            if rule.domain == "service":
                continue
            label = rule.label + ("suite" if rule.match == "prefix" else "")
            path = concrete(rule.path)[1:] if rule.path else f"{folders[rule.domain]}/{label}.plist"
            put(root, [file(path, put_job(label, "/x"))])
            labels.add(label)
    found = {service.label for service in OfflineWorkstation(root).observe(shipped).services}
    assert labels <= found


def test_every_receipt_of_the_catalogue_is_found(shipped: Catalogue, tmp_path: Path) -> None:
    root = lay_out(tmp_path / "v", users=(USER,))
    expected = set()
    for component in macos_components(shipped):
        for rule in component.receipts:
            identifier = rule.id + ("9.9" if rule.match == "prefix" else "")
            if rule.style == "bundle":
                identifier = identifier if identifier.endswith(".pkg") else f"{identifier}.pkg"
                put(root, [file(f"Library/Receipts/{identifier}/Contents/Info.plist", b"not a list")])
            else:
                put(root, [file(f"private/var/db/receipts/{identifier}.plist", b"not a list")])
            expected.add(identifier)
    receipts = OfflineWorkstation(root).observe(shipped, ownership=True).receipts
    assert expected <= {receipt.identifier for receipt in receipts}
    assert all(receipt.problem is not None for receipt in receipts)
