"""What vendors' packages do wrong, as far as a volume that does not run can show it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from atsam_safe.snapshot import open_state
from atsam_safe.transaction import VerificationOutcome, run_transaction
from faults.blackouts import fingerprint as timeless
from faults.fingerprint import HOLDER, differences, fingerprint
from faults.hostile import Makers, billed, product
from lab.atsam import GALSS, IDENTIFIERS, Sabotage, component_items
from lab.authority import Authority
from lab.catalogue import write_test_manifests
from lab.heart import FOLDER, NoPackages, PlainWorkstation
from lab.heart import lay_out as lay_out_small
from lab.heart_runs import PLAN, install
from lab.items import directory, file, symlink
from lab.stage import Stage, contradicting_galss
from lab.workstation import add_receipt, fsv, lay_out, medistory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lab.items import Item


@pytest.fixture(scope="module")
def materials(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Makers]:
    folder = tmp_path_factory.mktemp("vendor")
    authority = Authority.create()
    write_test_manifests(folder / "catalogue", authority.trust())
    lay_out(folder / "poste", os_version="10.14.6", users=("docteur",), neighbours=(medistory(), fsv()), hardware="x86_64")
    return folder, Makers(trusted=authority, foreign=authority)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def stage(materials: tuple[Path, Makers], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "logs"))
    subprocess.run(["/bin/cp", "-a", str(materials[0] / "poste"), str(materials[0] / "catalogue"), str(tmp_path)], check=True)
    return Stage(folder=tmp_path, monkeypatch=monkeypatch)


APPLICATION = "Applications/MédiStory.app/Contents/Info.plist"


def build(stage: Stage, makers: Makers, *extra: Item) -> str:
    """A genuine, signed set whose GALSS brings ``extra`` as well."""
    (stage.folder / "package.pkg").write_bytes(product(makers.trusted.signer(), galss=Sabotage(extra=extra)))
    return stage.package("package.pkg")


def put(root: Path, path: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(b"the only copy")


@pytest.mark.parametrize(
    "item",
    [
        pytest.param(file(APPLICATION, b"overwritten"), id="a file that MédiStory's receipt lists"),
        pytest.param(file("Applications/MÉDISTORY.app/Contents/Info.plist", b"overwritten"), id="the same in another spelling"),
        pytest.param(file("Library/Application Support/Autre/notes.dat", b"overwritten"), id="a file that nobody lists"),
        pytest.param(symlink("Library/Application Support/Autre/notes.dat", "/etc/hosts"), id="a link in the place of such a file"),
        pytest.param(directory("Library/Application Support/Autre/notes.dat"), id="a folder in the place of such a file"),
        pytest.param(file("Library/Application Support/Autre", b"overwritten"), id="a file in the place of a folder that nobody lists"),
    ],
)
def test_a_payload_that_overwrites_what_is_not_ours(stage: Stage, materials: tuple[Path, Makers], item: Item) -> None:
    """Refused by ``check`` and by ``install`` with the same words, and nothing touched."""
    root = stage.folder / "poste"
    put(root, "Library/Application Support/Autre/notes.dat")
    before = fingerprint(root)
    package = build(stage, materials[1], item)
    for command in (("check",), ("--yes", "install"), ("rehearse",)):
        answer = stage.run("--json", *stage.on, *command, package)
        assert answer.code == 10, answer.json["errors"]
        assert "package.overwrites-foreign" in {error["ref"] for error in answer.json["errors"]}
        assert differences(fingerprint(root), before) == ()


@pytest.mark.parametrize("path", [APPLICATION, "Library/Application Support/Autre/notes.dat"])
def test_what_was_overwritten_with_consent_comes_back(stage: Stage, materials: tuple[Path, Makers], path: str) -> None:
    root = stage.folder / "poste"
    put(root, "Library/Application Support/Autre/notes.dat")
    before = fingerprint(root)
    package = build(stage, materials[1], file(path, b"overwritten"))
    answer = stage.run("--json", *stage.on, "--yes", "--accept", "package.overwrites-foreign", "install", package)
    assert answer.code == 0, answer.json["errors"]
    assert (root / path).read_bytes() == b"overwritten"
    assert stage.run("--json", *stage.on, "--yes", "rollback").code == 0
    assert differences(fingerprint(root), before) == ()


def test_a_file_of_ours_in_a_new_place_may_be_replaced(stage: Stage, materials: tuple[Path, Makers]) -> None:
    """What the set before brought, the catalogue names or not, is the next one's to replace: it is in our receipt."""
    package = build(stage, materials[1], file("Library/Application Support/Autre/notes.dat", b"ours"))
    for _ in range(2):
        answer = stage.run("--json", *stage.on, "--yes", "install", package)
        assert answer.code == 0, answer.json["errors"]


def test_a_component_without_a_bill_is_refused_before_anything(stage: Stage, materials: tuple[Path, Makers]) -> None:
    """It was once found out when its receipt was to be written, half-way through the installation."""
    before = fingerprint(stage.folder / "poste")
    (stage.folder / "package.pkg").write_bytes(billed(b"")(materials[1]))
    for command in (("check",), ("--yes", "install")):
        answer = stage.run("--json", *stage.on, *command, stage.package("package.pkg"))
        assert answer.code == 10
        assert [error["ref"] for error in answer.json["errors"]] == ["package.no-bill"]
        assert differences(fingerprint(stage.folder / "poste"), before) == ()


def test_an_installation_that_leaves_a_component_short(stage: Stage, materials: tuple[Path, Makers]) -> None:
    """Ended well as far as the installer knows, and what lies there is not the version it speaks of."""
    before = fingerprint(stage.folder / "poste")
    (stage.folder / "package.pkg").write_bytes(product(materials[1].trusted.signer(), galss=contradicting_galss()))
    answer = stage.run("--json", *stage.on, "--yes", "install", stage.package("package.pkg"))
    assert answer.code == 20, answer.json["errors"]
    assert answer.json["errors"]
    assert differences(fingerprint(stage.folder / "poste"), before) == ()


def test_a_bill_that_names_foreign_paths_removes_none_of_them(stage: Stage, materials: tuple[Path, Makers]) -> None:
    """The uninstall list of a component claims MédiStory and the folder of all applications: neither is touched, everything else goes.

    The receipt that named those files is gone when the result is looked at: they are looked at all the same, and found as they were.
    """
    del materials
    root = stage.folder / "poste"
    items = [item for item in component_items(GALSS, "3.42.03") if "galssosx" in item.path or "galclosx" in item.path]
    foreign = [file(APPLICATION, b"claimed"), file("Applications/MédiStory.app/Contents/MacOS/MédiStory", b"claimed")]
    kept = fingerprint(root / "Applications")
    add_receipt(root, IDENTIFIERS[GALSS], "3.42.03", [*items, *foreign])
    answer = stage.run("--json", *stage.on, "--yes", "--accept", "dependents.present", "uninstall", "--all")
    assert answer.code == 0, answer.json["errors"]
    assert differences(fingerprint(root / "Applications"), kept) == ()
    stay = {entry["path"]: entry["reason"] for entry in answer.json["data"]["plan"]["kept"]}
    assert stay[f"/{APPLICATION}"] == stay["/Applications/MédiStory.app/Contents/MacOS/MédiStory"] == "foreign"
    assert [item.path for item in items if item.kind == "file" and (root / item.path).exists()] == []


@pytest.mark.parametrize("command", [("uninstall", "--all"), ("install", "package.pkg")])
def test_a_bill_that_names_somebodys_only_copy_does_not_take_it(
    stage: Stage, materials: tuple[Path, Makers], command: tuple[str, str]
) -> None:
    """Another content lies where a receipt of ours, and nothing else, names a file: it stays, and is named before and after."""
    root = stage.folder / "poste"
    path = "Library/Application Support/Autre/notes.dat"
    put(root, path)
    build(stage, materials[1])
    items = [item for item in component_items(GALSS, "3.42.03") if "galssosx" in item.path or "galclosx" in item.path]
    add_receipt(root, IDENTIFIERS[GALSS], "3.42.03", [*items, file(path, b"the first one"), directory("Library/Application Support/Autre")])
    words = [stage.package("package.pkg") if word == "package.pkg" else word for word in command]
    before = fingerprint(root / "Library/Application Support/Autre")
    asked = stage.run(*stage.on, "--accept", "dependents.present", *words, stdin="non\n")
    assert asked.code == 2
    assert f"(fichiers : 1) : /{path}." in " ".join(asked.err.split())
    answer = stage.run("--json", *stage.on, "--yes", "--accept", "dependents.present", *words)
    assert answer.code == 0, answer.json["errors"]
    assert differences(fingerprint(root / "Library/Application Support/Autre"), before) == ()
    kept = {entry["path"]: entry["reason"] for entry in answer.json["data"]["plan"]["kept"]}
    assert kept[f"/{path}"] == "altered"
    told = [notice["evidence"]["paths"] for notice in answer.json["notices"] if notice["ref"] == "components.altered-files"]
    assert told == [[f"/{path}"]]


def test_a_payload_does_not_overwrite_an_only_copy_because_an_old_receipt_names_it(stage: Stage, materials: tuple[Path, Makers]) -> None:
    """Asked about like any file that nobody knows; accepted, it is written over, and comes back."""
    root = stage.folder / "poste"
    path = "Library/Application Support/Autre/notes.dat"
    package = build(stage, materials[1], file(path, b"the first one"))
    assert stage.run("--json", *stage.on, "--yes", "install", package).code == 0
    put(root, path)
    before = fingerprint(root)
    for command in (("check",), ("--yes", "install")):
        answer = stage.run("--json", *stage.on, *command, package)
        assert answer.code == 10, answer.json["errors"]
        assert [error["ref"] for error in answer.json["errors"]] == ["package.overwrites-foreign"]
    answer = stage.run("--json", *stage.on, "--yes", "--accept", "package.overwrites-foreign", "install", package)
    assert answer.code == 0, answer.json["errors"]
    assert (root / path).read_bytes() == b"the first one"
    assert stage.run("--json", *stage.on, "--yes", "rollback").code == 0
    # the state folder moves on with every run
    changed = differences(fingerprint(root), before)
    assert [one for one in changed if "Application Support/atsam-safe" not in one] == []


def meddle(root: Path, at: int, act: Callable[[], object]) -> str:
    def before_step(number: int) -> None:
        if number == at:
            act()

    library = root / FOLDER[1:] / "libgalss.dylib"

    def verification() -> VerificationOutcome:
        return VerificationOutcome(ok=library.is_file() and library.read_bytes().startswith(b"new library"))

    with open_state(root) as state:
        return run_transaction(
            PLAN, workstation=PlainWorkstation(root, before_step), packages=NoPackages(), state=state, verification=verification
        ).outcome


# what is put back before the payload is placed gives way to it; afterwards it stands where the new library should
@pytest.mark.parametrize(("at", "outcome"), [(0, "committed"), (1, "committed"), (2, "committed"), (3, "rolled-back"), (4, "rolled-back")])
def test_a_component_changed_under_our_feet_between_steps(at: int, outcome: str, tmp_path: Path) -> None:
    """An automatic update puts the old library back in between: committed only when the result is right, else exactly as before."""
    lay_out_small(tmp_path)
    (tmp_path / HOLDER).mkdir()
    before = timeless(tmp_path)
    library = tmp_path / FOLDER[1:] / "libgalss.dylib"

    def put_back() -> None:
        library.parent.mkdir(parents=True, exist_ok=True)
        library.write_bytes(b"old library, again")

    assert meddle(tmp_path, at, put_back) == outcome
    if outcome == "committed":
        (tmp_path / "alone").mkdir()
        lay_out_small(tmp_path / "alone")
        assert install(tmp_path / "alone") == "committed"
        assert contents(tmp_path / FOLDER[1:]) == contents(tmp_path / "alone" / FOLDER[1:])
    else:
        assert differences(timeless(tmp_path), before) == ()
