"""What only a receipt of ours had named is looked at once more when that receipt is gone; what it named and is not that stays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atsam_safe.guard.altered import altered
from atsam_safe.guard.overwriting import PayloadPaths
from atsam_safe.plan import plan_uninstall
from atsam_safe.verify import verify
from atsam_safe.verify.aftermath import seen_again
from atsam_safe.workstation.offline import OfflineWorkstation
from lab.atsam import GALSS, IDENTIFIERS, component_items
from lab.decisions import shipped_catalogue
from lab.items import directory, file, symlink
from lab.workstation import add_receipt, lay_out, medistory, put

if TYPE_CHECKING:
    from collections.abc import Callable

    from lab.items import Item

INSIDE = "Applications/MédiStory.app/Contents/Info.plist"
OWN = "Library/Application Support/Autre/notes.dat"


def listed(folder: Path, *extra: Item) -> Path:
    """A workstation whose GALSS receipt lists ``extra`` as well."""
    root = lay_out(folder, os_version="10.14.6", users=("docteur",), neighbours=(medistory(),), hardware="x86_64")
    items = [item for item in component_items(GALSS, "3.42.03") if "galssosx" in item.path]
    add_receipt(root, IDENTIFIERS[GALSS], "3.42.03", [*items, *extra])
    return root


def reversed_content(path: Path) -> None:
    path.write_bytes(path.read_bytes()[::-1])


@pytest.mark.parametrize(
    ("harm", "refs"),
    [
        pytest.param(Path.touch, [], id="as it was"),
        pytest.param(Path.unlink, ["verify.kept-path-lost"], id="gone"),
        pytest.param(reversed_content, ["verify.kept-path-lost"], id="another content of the same size"),
    ],
)
def test_a_path_of_another_product_is_held_against_what_it_was(harm: Callable[[Path], object], refs: list[str], tmp_path: Path) -> None:
    root = listed(tmp_path / "volume", file(INSIDE, b"claimed"))
    catalogue = shipped_catalogue()
    station = OfflineWorkstation(root)
    before = station.observe(catalogue, ownership=True)
    plan = plan_uninstall(before, catalogue)
    for step in plan.steps:
        station.apply(step, tmp_path)
    harm(root / INSIDE)
    after = station.observe(catalogue, ownership=True, payload=PayloadPaths(again=seen_again(before, plan)))
    blocking = [finding for finding in verify(before, after, catalogue, plan).findings if finding.severity == "blocking"]
    assert [finding.ref for finding in blocking] == refs
    assert all(finding.evidence["paths"] == [f"/{INSIDE}"] for finding in blocking)


@pytest.mark.parametrize(
    ("recorded", "present", "found"),
    [
        pytest.param(file(OWN, b"content"), file(OWN, b"content"), False, id="as recorded"),
        pytest.param(file(OWN, b"content"), file(OWN, b"CONTENT"), True, id="another content of the same size"),
        pytest.param(file(OWN, b"content"), file(OWN, b"longer content"), True, id="another size"),
        pytest.param(file(OWN, b"content"), symlink(OWN, "/etc/hosts"), True, id="a link in the place of a file"),
        pytest.param(symlink(OWN, "/etc/hosts"), symlink(OWN, "/etc/hosts"), False, id="a link as recorded"),
        pytest.param(symlink(OWN, "/etc/hosts"), symlink(OWN, "/etc/group"), True, id="another link"),
        pytest.param(symlink(OWN, "/etc/hosts"), file(OWN, b"content"), True, id="a file in the place of a link"),
        pytest.param(file(OWN, b"content"), directory(OWN), False, id="a folder, which goes only when it is empty"),
        pytest.param(file(OWN, b"content"), None, False, id="nothing there"),
        pytest.param(
            file("usr/local/galss/new.dat", b"content"), file("usr/local/galss/new.dat", b"CONTENT"), True, id="a place of nobody known"
        ),
        pytest.param(
            file("Library/Application Support/Galss/new.dat", b"content"),
            file("Library/Application Support/Galss/new.dat", b"CONTENT"),
            False,
            id="a folder that the catalogue knows as ours",
        ),
        pytest.param(file(INSIDE, b"claimed"), None, False, id="another product's, which has a rule of its own"),
    ],
)
def test_what_only_a_receipt_names_is_ours_while_it_is_what_was_recorded(
    recorded: Item, present: Item | None, *, found: bool, tmp_path: Path
) -> None:
    root = listed(tmp_path / "volume", recorded)
    if present is not None:
        put(root, [present])
    catalogue = shipped_catalogue()
    facts = OfflineWorkstation(root).observe(catalogue, ownership=True)
    assert altered(facts, catalogue.core) == ((f"/{recorded.path}",) if found else ())
    removed = {getattr(step, "path", None) for step in plan_uninstall(facts, catalogue).steps}
    if found:
        assert f"/{recorded.path}" not in removed
