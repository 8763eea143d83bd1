"""What anybody may rely on who only has the repository: its commands, its packaging, and that it speaks of the project alone."""

from __future__ import annotations

import ast
import os
import re
import sys
import tarfile
import tomllib
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from plumbum import local

from atsam_safe import __version__

PROJECT = Path(__file__).resolve().parents[3]
COMMANDS = ("scripts/setup", "scripts/test", "scripts/lint", "scripts/check-wheels", "scripts/bench", ".ci/run")

# Written so that this file does not hold what it looks for.
FOREIGN = {
    "a path of one machine": re.compile(rb"/[w]ork/|/[r]oot/|/[h]ome/[a-z]+/"),
    "a package host": re.compile(rb"p[y]pi\.o|[f]iles\.pythonhosted|d[e]bian\.o|n[p]mjs|[-][-](extra-)?index-url|find-[l]inks"),
    "a name from one workplace": re.compile(rb"\b[f]arm-(bench|studio)\b|\.[l]ibrary/|[s]hared/(facts|design|field|prototypes)"),
}
ALLOWED = {"LICENSE"}


@cache
def tracked() -> list[str]:
    """The files of the repository; of a source package without one, everything that it holds."""
    if not (PROJECT / ".git").exists():
        return [path.relative_to(PROJECT).as_posix() for path in PROJECT.rglob("*") if path.is_file() and ".venv" not in path.parts]
    listed = local["git"]["-C", str(PROJECT), "ls-files", "-z"]().split("\0")
    return [name for name in listed if name and (PROJECT / name).is_file()]


@cache
def configuration() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", sorted(FOREIGN))
def test_no_file_speaks_of_one_machine_or_workplace(kind: str) -> None:
    found = []
    for name in tracked():
        if name in ALLOWED:
            continue
        for number, line in enumerate((PROJECT / name).read_bytes().splitlines(), start=1):
            if FOREIGN[kind].search(line):
                found.append(f"{name}:{number}: {line[:120]!r}")
    assert found == []


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("a path of one machine", b"cd /wo" + b"rk/main"),
        ("a path of one machine", b"/ro" + b"ot/.cache"),
        ("a package host", b"pip install --ind" + b"ex-url x"),
        ("a package host", b"https://py" + b"pi.org/simple"),
        ("a name from one workplace", b"see ../sha" + b"red/facts/x.md"),
    ],
)
def test_the_search_for_foreign_words_can_find_them(kind: str, line: bytes) -> None:
    assert FOREIGN[kind].search(line)


def test_nothing_built_or_borrowed_is_in_the_repository() -> None:
    suffixes = {".mo", ".pyc", ".whl", ".so", ".dylib", ".dll", ".exe", ".pkg", ".dmg", ".msi", ".rpm"}
    assert [name for name in tracked() if Path(name).suffix.lower() in suffixes] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_commands_of_the_project_are_there_and_can_be_run(name: str) -> None:
    path = PROJECT / name
    assert path.is_file()
    assert os.access(path, os.X_OK)
    assert path.read_text(encoding="utf-8").startswith("#!/usr/bin/env ")


@pytest.mark.parametrize("readme", ["README.md", "README.fr.md"])
def test_every_script_that_a_readme_names_exists_and_can_be_run(readme: str) -> None:
    text = (PROJECT / readme).read_text(encoding="utf-8")
    named = sorted(set(re.findall(r"(?:\./|\b)((?:scripts|\.ci)/[\w-]+)\b(?!\.)", text)))
    assert "scripts/test" in named
    assert "scripts/demo" in named
    assert [name for name in named if not os.access(PROJECT / name, os.X_OK)] == []


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for name in tracked():
        if not name.endswith(".md"):
            continue
        text = (PROJECT / name).read_text(encoding="utf-8")
        targets = [target for target in re.findall(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)", text) if not re.match(r"[a-z]+:", target)]
        broken += [f"{name}: {target}" for target in targets if not ((PROJECT / name).parent / target).exists()]
    assert broken == []


def test_every_test_file_has_a_name_of_its_own() -> None:
    names = [Path(name).name for name in tracked() if name.startswith("tests/") and Path(name).name.startswith("test_")]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def test_the_pins_are_exact_and_cover_what_is_asked_for() -> None:
    pinned = {}
    for part in ("runtime.txt", "pytest.txt", "tools.txt"):
        for line in (PROJECT / "requirements" / part).read_text(encoding="utf-8").splitlines():
            requirement = line.partition("#")[0].strip()
            if requirement and not requirement.startswith("-r "):
                name, version = requirement.split("==")
                pinned[name] = version
    project = configuration()["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["test"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[<>=\[ ;]", line)[0] for line in wanted if "sys_platform" not in line and not line.startswith("atsam-safe")}
    assert names - pinned.keys() == set()


def test_no_rule_on_docstrings_is_switched_off_for_the_program() -> None:
    lint = configuration()["tool"]["ruff"]["lint"]
    assert lint["select"] == ["ALL"]
    assert not {"D", "D1", "D100", "D101", "D102", "D103", "D104", "D106"} & set(lint["ignore"])
    assert [pattern for pattern in lint["per-file-ignores"] if pattern.startswith("src")] == []


def test_every_refusal_of_a_lint_rule_gives_its_reason() -> None:
    lines = (PROJECT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    start = lines.index("ignore = [")
    end = lines.index("]", start)
    assert [line for line in lines[start + 1 : end] if "#" not in line] == []


def test_types_are_strict_and_warnings_are_errors() -> None:
    tool = configuration()["tool"]
    assert tool["mypy"]["strict"] is True
    assert tool["pytest"]["ini_options"]["filterwarnings"][0] == "error"


def test_every_room_has_its_floor() -> None:
    contract = configuration()["tool"]["importlinter"]["contracts"][0]
    placed = {name.strip(" ()") for layer in contract["layers"] for name in re.split(r"[|:]", layer)}
    source = PROJECT / "src/atsam_safe"
    rooms = {
        path.stem if path.is_file() else path.name for path in source.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert rooms - {"__init__"} - placed == set()


def test_the_licence_is_whole() -> None:
    text = (PROJECT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text.splitlines()[1]
    assert "END OF TERMS AND CONDITIONS" in text


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source package as a user gets them, built from a copy of what is tracked."""
    copy = tmp_path_factory.mktemp("source")
    for name in tracked():
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((PROJECT / name).read_bytes())
    target = tmp_path_factory.mktemp("built")
    local[sys.executable].run(["-m", "hatchling", "build", "-t", "sdist", "-t", "wheel", "-d", str(target)], cwd=str(copy), timeout=120)
    return target


@pytest.fixture
def wheel(built: Path) -> zipfile.ZipFile:
    (path,) = built.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.mark.slow
def test_the_wheel_holds_the_program_its_words_and_its_manifests(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    expected = {name.removeprefix("src/") for name in tracked() if name.startswith("src/atsam_safe/")}
    expected |= {f"atsam_safe/{name}" for name in tracked() if name.startswith("manifests/")}
    expected |= {"atsam_safe/words/locale/fr/LC_MESSAGES/atsam_safe.mo", "atsam_safe/_build/catalogue.json"}
    assert expected - names == set()
    assert {name.split("/")[0] for name in names} == {"atsam_safe", f"atsam_safe-{__version__}.dist-info"}


@pytest.mark.slow
def test_the_wheel_names_its_command_its_licence_and_its_python(wheel: zipfile.ZipFile) -> None:
    info = f"atsam_safe-{__version__}.dist-info"
    assert "atsam-safe = atsam_safe.__main__:main" in wheel.read(f"{info}/entry_points.txt").decode()
    metadata = wheel.read(f"{info}/METADATA").decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Python: >=3.11" in metadata
    assert f"{info}/licenses/LICENSE" in wheel.namelist()


@pytest.mark.slow
def test_the_source_package_holds_what_the_repository_holds(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    generated = {"PKG-INFO", "pyproject.toml", ".gitignore"}
    assert names - set(tracked()) - generated == set()
    assert {name for name in tracked() if not name.startswith(".")} - names == set()


def test_the_lab_is_not_imported_by_the_program() -> None:
    found = []
    for name in tracked():
        if not (name.startswith("src/") and name.endswith(".py")):
            continue
        for node in ast.walk(ast.parse((PROJECT / name).read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found += [f"{name}: {module}" for module in modules if module.partition(".")[0] in {"lab", "tests", "scripts", "pytest"}]
    assert found == []
