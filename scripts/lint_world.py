"""The laws of the house that no general linter knows, held against every module.

``python scripts/lint_world.py [FOLDER]`` prints one line a breach (``path:line: rule: what``) and ends 1 when there is any.

Rules
- ``world``: a decision sees no file, process, network or clock. Only the rooms of ``WORLD_ROOMS`` and the modules of ``EXCEPTIONS`` may.
- ``process``: commands are run through plumbum, never through ``subprocess``, ``os.system`` and their kin, never through a shell.
- ``long-module``, ``long-function``: at most 500 and 60 lines.
- ``unfinished``: no note of work left to do, and nothing that raises because it was not written.
- ``unexplained``: whoever silences a checker names the check and gives the reason on the line.

Style, docstrings and types are ruff's and mypy's; the direction of imports is import-linter's.
"""

from __future__ import annotations

import ast
import functools
import io
import re
import sys
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MODULE_LINES: Final = 500
FUNCTION_LINES: Final = 60
NEIGHBOUR_LINES: Final = 3

WORLD_ROOMS: Final = frozenset({"cards", "cli", "packages", "snapshot", "transaction", "volume", "workstation"})
"""Rooms that observe or change the world; every other room of the program decides."""

EXCEPTIONS: Final = {
    "__main__": "the entry of the process",
    "catalogue/load": "reads the manifests",
    "catalogue/compiled": "reads and writes the fast form of the embedded manifests",
    "processes": "starts commands with an exact environment",
    "report/progress": "shows how long a silent step has taken",
    "report/text_form": "asks the terminal how wide it is",
}
"""Modules of deciding rooms that may touch the world, with the reason."""

WORLD_MODULES: Final = frozenset(
    {
        "asyncio", "ctypes", "fcntl", "fileinput", "getpass", "glob", "http", "mmap", "msvcrt", "multiprocessing", "os", "plumbum",
        "pwd", "grp", "random", "resource", "secrets", "select", "selectors", "shutil", "signal", "smartcard", "socket", "sqlite3", "ssl",
        "tempfile", "threading", "time", "urllib", "uuid", "winreg",
    }
)  # fmt: skip
PROCESS_MODULES: Final = frozenset({"commands", "pty", "subprocess"})
PROCESS_CONSTANTS: Final = frozenset({"DEVNULL", "PIPE", "STDOUT", "TimeoutExpired"})
PROCESS_CALLS: Final = re.compile(r"^os\.(system|popen|startfile|exec[lv]p?e?|spawn[lv]p?e?|posix_spawnp?|forkpty)$|^pty\.spawn$")
BUILTIN_IO: Final = frozenset({"breakpoint", "eval", "exec", "input", "open", "print"})
PATH_IO: Final = frozenset(
    {
        "chmod", "exists", "expanduser", "glob", "hardlink_to", "is_dir", "is_file", "is_symlink", "iterdir", "lstat", "mkdir",
        "read_bytes", "read_text", "readlink", "rglob", "rmdir", "samefile", "stat", "symlink_to", "unlink", "write_bytes",
        "write_text",
    }
)  # fmt: skip
CLOCKS: Final = re.compile(r"^(datetime\.)?(datetime|date)\.(now|today|utcnow)$")
CONCRETE_PATHS: Final = frozenset({"Path", "PosixPath", "WindowsPath"})

UNFINISHED: Final = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b|\bnot (yet )?implemen" r"ted\b")
SILENCED: Final = re.compile(r"#\s*(noqa|type:\s*ignore|pragma:\s*no\s*(?:cover|branch)|fmt:\s*(?:off|skip)|pyright:|mypy:)(?P<rest>.*)")
CODES: Final = re.compile(r"^\s*(?::\s*[A-Z]+[0-9]*(?:[\s,]+[A-Z]+[0-9]+)*|\[[a-z, -]+\])")
NO_REASON: Final = re.compile(r"#\s*(?:noqa|type:\s*ignore)|\b[A-Z]+[0-9]+\b|\[[a-z, -]+\]")
REASON: Final = re.compile(r"[^\W\d_]{3,}")


class Breach(NamedTuple):
    """One place that breaks a rule; sorts by place."""

    path: str
    line: int
    rule: str
    what: str

    def __str__(self) -> str:
        """The form that editors can jump to."""
        return f"{self.path}:{self.line}: {self.rule}: {self.what}"


def may_touch_world(module: str) -> bool:
    """Whether ``module`` (below ``atsam_safe``, with slashes and no suffix) belongs to those that may see the world."""
    return module in EXCEPTIONS or module.partition("/")[0] in WORLD_ROOMS


def dotted(node: ast.expr) -> str:
    """``a.b.c`` of an attribute or name; empty for anything computed."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


@functools.lru_cache(maxsize=1)
def nodes_of(tree: ast.Module) -> tuple[ast.AST, ...]:
    """Every node of one module: each rule goes over all of them."""
    return tuple(ast.walk(tree))


def for_types_only(tree: ast.Module) -> set[ast.AST]:
    """Every node that stands under ``if TYPE_CHECKING:``: it is never executed."""
    found: set[ast.AST] = set()
    for node in nodes_of(tree):
        if isinstance(node, ast.If) and dotted(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            for statement in node.body:
                found.update(ast.walk(statement))
    return found


def imported(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Every executed import as (line, module, name); name is empty for ``import module``."""
    skipped = for_types_only(tree)
    for node in nodes_of(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, ""
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            for alias in node.names:
                yield node.lineno, node.module, alias.name


def world_breaches(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """What a deciding module does that only the world rooms may."""
    for line, module, name in imported(tree):
        if module.split(".")[0] in WORLD_MODULES:
            yield line, f"imports {module}: a decision takes what it needs as an argument"
        if module == "pathlib" and name in {"", *CONCRETE_PATHS}:
            yield line, "imports pathlib's concrete paths: use PurePosixPath, or import for types only"
    for node in nodes_of(tree):
        if not isinstance(node, ast.Call):
            continue
        called = dotted(node.func)
        if called in BUILTIN_IO:
            yield node.lineno, f"calls {called}()"
        elif CLOCKS.match(called):
            yield node.lineno, f"reads the clock by {called}(): take the time as an argument"
        elif isinstance(node.func, ast.Attribute) and node.func.attr in PATH_IO:
            yield node.lineno, f"calls .{node.func.attr}() as on a file"


def process_breaches(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Ways to start a process past plumbum, and shells."""
    for line, module, name in imported(tree):
        if module.split(".")[0] in PROCESS_MODULES and name not in PROCESS_CONSTANTS:
            yield line, f"imports {module}: commands are run through plumbum"
        elif PROCESS_CALLS.match(f"{module}.{name}"):
            yield line, f"imports {module}.{name}: commands are run through plumbum"
    for node in nodes_of(tree):
        if not isinstance(node, ast.Call):
            continue
        if PROCESS_CALLS.match(dotted(node.func)):
            yield node.lineno, f"calls {dotted(node.func)}(): commands are run through plumbum"
        for keyword in node.keywords:
            if keyword.arg == "shell" and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False):
                yield node.lineno, "asks for a shell"


def size_breaches(tree: ast.Module, source: str) -> Iterator[tuple[int, str, str]]:
    """Modules and functions that no longer fit one head."""
    lines = source.count("\n")
    written = any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in nodes_of(tree))
    if lines > MODULE_LINES and written:  # a table of facts may be as long as the facts
        yield 1, "long-module", f"{lines} lines, at most {MODULE_LINES}"
    for node in nodes_of(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            length = node.end_lineno - node.lineno + 1
            if length > FUNCTION_LINES:
                yield node.lineno, "long-function", f"{node.name} has {length} lines, at most {FUNCTION_LINES}"


def unfinished_breaches(tree: ast.Module, comments: dict[int, str]) -> Iterator[tuple[int, str]]:
    """Notes of work left to do, in comments or docstrings, and raises that stand for code nobody wrote.

    A private base class may raise what its subclasses must replace: nobody else can reach it.
    """
    private = {part for node in nodes_of(tree) if isinstance(node, ast.ClassDef) and node.name.startswith("_") for part in ast.walk(node)}
    for line, comment in comments.items():
        if UNFINISHED.search(comment):
            yield line, comment.strip()
    for node in nodes_of(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node, clean=False) or ""
            if found := UNFINISHED.search(text):
                yield getattr(node, "lineno", 1), f"docstring says {found.group()!r}"
        if isinstance(node, ast.Raise) and node.exc is not None and node not in private:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if dotted(raised) == "NotImplementedError":
                yield node.lineno, "raises NotImplementedError: an abstract method says so by @abstractmethod or a Protocol"


def explained(rest: str) -> bool:
    """Whether there is a word in ``rest`` that is neither a marker nor a code."""
    return REASON.search(NO_REASON.sub("", rest)) is not None


def unexplained_breaches(comments: dict[int, str]) -> Iterator[tuple[int, str]]:
    """Silenced checks without a code or without a reason in words.

    One reason is enough for neighbouring lines that silence the same check: the imports after a path was set, say.
    """
    last_line, last_codes = -NEIGHBOUR_LINES, ""
    for line, comment in sorted(comments.items()):
        found = SILENCED.search(comment)
        if found is None or found.group(1).startswith("fmt"):
            continue
        rest = found["rest"]
        codes = CODES.match(rest)
        named = codes.group() if codes else ""
        if codes is None and not found.group(1).startswith("pragma"):
            yield line, f"{found.group(1)} names no check"
        elif explained(rest[len(named) :]) or (named and named == last_codes and line - last_line <= NEIGHBOUR_LINES):
            last_line, last_codes = line, named
        else:
            yield line, f"{found.group(1)} gives no reason"


def comments_of(source: str) -> dict[int, str]:
    """Comment by line number. ``source`` must be valid Python."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}


def inspect_source(source: str, path: str) -> list[Breach]:
    """Every breach in one module; ``path`` is relative to the project and decides which rules apply."""
    tree = ast.parse(source, filename=path)
    comments = comments_of(source)
    found = [Breach(path, line, rule, what) for line, rule, what in size_breaches(tree, source)]
    found += [Breach(path, line, "unfinished", what) for line, what in unfinished_breaches(tree, comments)]
    found += [Breach(path, line, "unexplained", what) for line, what in unexplained_breaches(comments)]
    if not path.startswith("tests/"):  # tests play the vendor, the attacker and the power cut, which keep no rules
        found += [Breach(path, line, "process", what) for line, what in process_breaches(tree)]
    program = "src/atsam_safe/"
    if path.startswith(program) and not may_touch_world(path.removeprefix(program).removesuffix(".py")):
        found += [Breach(path, line, "world", what) for line, what in world_breaches(tree)]
    return sorted(found)


def inspect_project(root: Path) -> list[Breach]:
    """Every breach below ``root`` in the program, its tests and its scripts."""
    found: list[Breach] = []
    modules = [root / "hatch_build.py"]
    for folder in ("src", "scripts", "tests"):
        modules += sorted((root / folder).rglob("*.py"))
    for module in modules:
        if module.is_file():
            found += inspect_source(module.read_text(encoding="utf-8"), module.relative_to(root).as_posix())
    return found


def main(arguments: list[str]) -> int:
    """Print the breaches; 0 when there is none."""
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    breaches = inspect_project(root)
    for breach in breaches:
        print(breach)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
