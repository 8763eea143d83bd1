"""Mutation testing of what must not be wrong: ``scripts/faults --mutants [MODULE …]``.

The mutants are cosmic-ray's. The tests of a module are collected and run once; then each mutant is put into a fork of that process and
met by the same tests until one notices: first those that have just noticed others, then the quickest. A mutant of a function replaces
that function's code; one of anything else (a table, a default, a class) is loaded by a process of its own. Score and survivors go to
``.faults/mutants.json``, from where ``scripts/faults --full`` takes them; each survivor is explained in ``docs/mutants.md``.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import dataclasses
import importlib
import importlib.abc
import importlib.machinery
import inspect
import json
import os
import signal
import sys
import time
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from plumbum import RETCODE, local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from importlib.machinery import ModuleSpec

PROJECT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = PROJECT / ".faults" / "mutants.json"
SOURCES: Final = PROJECT / "src" / "atsam_safe"
# never more time than this many times what all tests of the module take, and so many seconds
SLOWER: Final = 4.0
PATIENCE: Final = 20.0
NOTICED: Final = 1
UNNOTICED: Final = 0
GUARD: Final = "tests/unit/guard"
# module → the tests that have to notice
MODULES: Final = {
    "transaction/recovery.py": "tests/faults/test_recovery_decisions.py tests/unit/transaction/test_executor.py",
    "transaction/journal.py": "tests/unit/transaction/test_journal.py tests/unit/transaction/test_journal_edges.py",
    "report/private.py": "tests/unit/report/test_private.py",
    "volume/errors.py": "tests/unit/volume/test_errors.py",
    **{f"guard/{path.name}": GUARD for path in sorted((SOURCES / "guard").glob("*.py")) if path.name != "__init__.py"},
}
WITHOUT: Final = ("cacheprovider", "randomly", "xdist")
# a failure is counted, not read: putting it into words would take longer than all the tests together
QUIET: Final = (
    "-q",
    "-x",
    "--no-header",
    "--tb=no",
    "--assert=plain",
    "-o",
    "addopts=--import-mode=importlib",
    *(f"-pno:{name}" for name in WITHOUT),
)
# « is None » and « == None » are the same for every value there is here, and so are « == » and « is » for short texts and small numbers
SAME: Final = frozenset({"Is_Eq", "IsNot_NotEq", "Eq_Is", "NotEq_IsNot"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mutant:
    """One changed source: what was changed where, and the whole text."""

    name: str
    source: str


def mutants_of(path: Path) -> list[Mutant]:
    """Every mutant of a module that changes something which is carried out."""
    mutating = importlib.import_module("cosmic_ray.mutating")
    plugins = importlib.import_module("cosmic_ray.plugins")
    get_ast = importlib.import_module("cosmic_ray.ast").get_ast
    source = path.read_text(encoding="utf-8")
    plain = _carried_out(source)
    lines = source.splitlines()
    found: dict[str, Mutant] = {}
    for name in sorted(plugins.operator_names()):
        if name.rpartition("ComparisonOperator_")[2] in SAME or name.rpartition("/")[2].startswith("Variable"):
            continue  # the latter want to be told variables' names
        operator = plugins.get_operator(name)()
        positions = [place for node in _nodes(get_ast(source)) for place in operator.mutation_positions(node)]
        for occurrence, (start, _end) in enumerate(positions):
            try:
                changed = mutating.mutate_code(source, operator, occurrence)
            except AttributeError:
                continue  # cosmic-ray cannot replace an exception with a dotted name
            if changed is None or _carried_out(changed) == plain:
                continue
            text = f"line {start[0]}: {name.removeprefix('core/')}: {lines[start[0] - 1].strip()[:90]}"
            found.setdefault(changed, Mutant(name=text, source=changed))
    return list(found.values())


def _nodes(tree: Any) -> Iterator[Any]:  # noqa: ANN401 - parso's own types
    """As cosmic-ray walks: a node, then its children."""
    yield tree
    for child in getattr(tree, "children", ()):
        yield from _nodes(child)


def _carried_out(source: str) -> str:
    """What of a source is ever carried out: annotations of functions and variables are not, nor are imports for them."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return source

    class Strip(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
            node.returns = None
            for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg):
                if argument is not None:
                    argument.annotation = None
            node.body = [_unannotated(item) for item in node.body]
            return self.generic_visit(node)

        def visit_If(self, node: ast.If) -> ast.AST:
            return ast.Pass() if "TYPE_CHECKING" in ast.dump(node.test) else self.generic_visit(node)

        def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
            node.keywords = [item for item in node.keywords if item.arg not in {"frozen", "kw_only"}]  # bind who writes, not what runs
            for item in node.body:
                if isinstance(item, ast.AnnAssign):
                    item.annotation = ast.Constant(None)  # a field's name and default count, its type is for who writes
            return self.generic_visit(node)

    tree.body = [_unannotated(item) for item in tree.body]
    return ast.dump(Strip().visit(tree))


def _unannotated(item: ast.stmt) -> ast.stmt:
    if isinstance(item, ast.AnnAssign) and item.value is not None:
        return ast.Assign(targets=[item.target], value=item.value)
    return item


# --- putting a mutant in place --------------------------------------------------------------------------------------------------------


def functions_of(module: types.ModuleType) -> Iterator[types.FunctionType]:
    """Every function that the module made, methods, properties and wrapped ones included."""
    for value in vars(module).values():
        if getattr(value, "__module__", None) == module.__name__:
            yield from _functions_in(value)


def _functions_in(value: object) -> Iterator[types.FunctionType]:
    if isinstance(value, type):
        for inner in vars(value).values():
            yield from _functions_in(inner)
    elif isinstance(value, types.FunctionType):
        yield value
        if hasattr(value, "__wrapped__"):
            yield from _functions_in(value.__wrapped__)
    else:
        for name in ("__func__", "fget", "func", "__wrapped__"):
            inner = inspect.getattr_static(value, name, None)
            if isinstance(inner, types.FunctionType):
                yield inner


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """Functions' codes right below a module or a class body (what is deeper goes with its function)."""
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            if constant.co_flags & inspect.CO_OPTIMIZED:
                yield constant
            else:
                yield from _codes(constant)


def _shell(code: types.CodeType) -> object:
    """A module's or a class's own code, without its functions."""
    constants = [
        (_shell(item) if not item.co_flags & inspect.CO_OPTIMIZED else item.co_qualname) if isinstance(item, types.CodeType) else repr(item)
        for item in code.co_consts
    ]
    return code.co_code, constants, code.co_names


def replacements(path: Path, mutant: Mutant) -> dict[str, types.CodeType] | None:
    """Qualified name → code of each function that the mutant changes; ``None`` when something else than functions is changed."""
    try:
        old = compile(path.read_text(encoding="utf-8"), str(path), "exec")
        new = compile(mutant.source, str(path), "exec")
    except SyntaxError:
        return None
    if _shell(old) != _shell(new):
        return None
    pairs = list(zip(_codes(old), _codes(new), strict=True))
    names = [one.co_qualname for one, _ in pairs]
    changed = {other.co_qualname: other for one, other in pairs if one != other}
    return changed if changed and all(names.count(name) == 1 for name in changed) else None


def put_in_place(module: types.ModuleType, codes: dict[str, types.CodeType]) -> bool:
    """Give the module's functions their new code; false when one of them cannot be found."""
    found = set()
    for function in functions_of(module):
        code = codes.get(function.__code__.co_qualname)
        if code is not None and code.co_freevars == function.__code__.co_freevars:
            function.__code__ = code
            found.add(code.co_qualname)
    return found == set(codes)


def loads(path: Path, mutant: Mutant) -> bool:
    """False for a mutant that cannot even be imported, which every test would notice."""
    module = types.ModuleType(module_name(path))
    sys.modules[module.__name__] = module  # what it defines is looked up there; this process ends with the answer
    try:
        exec(compile(mutant.source, str(path), "exec"), vars(module))  # noqa: S102 - the mutant itself
    except Exception:  # noqa: BLE001 - whatever it is
        return False
    return True


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one module from another text than its file's."""

    def __init__(self, name: str, path: Path, source: str) -> None:
        self._name, self._path, self._source = name, path, source

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        del path, target
        return importlib.machinery.ModuleSpec(fullname, self, origin=str(self._path)) if fullname == self._name else None

    def exec_module(self, module: types.ModuleType) -> None:
        module.__file__ = str(self._path)
        exec(compile(self._source, str(self._path), "exec"), vars(module))  # noqa: S102 - the mutant itself


# --- meeting the tests ------------------------------------------------------------------------------------------------------------------


class Meeting:
    """A pytest plugin: runs all tests once, then each mutant in a fork, on all cores."""

    def __init__(self, path: Path, mutants: Sequence[Mutant], report: Callable[[int, Mutant, bool], None]) -> None:
        self.path = path
        self.name = module_name(path)
        self.mutants = mutants
        self.report = report
        self.failed = False
        self.seconds: dict[str, float] = {}
        # through this pipe each fork names the test that noticed its mutant: the next mutants meet that one first
        self._listening, self._telling = os.pipe()
        os.set_blocking(self._listening, False)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember failures and durations."""
        self.failed = self.failed or report.failed
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + (report.duration if report.when == "call" else 0.0)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of pytest's own loop."""
        items = list(session.items)
        started = time.monotonic()
        self.carry_out(items)
        if self.failed or not items:
            session.shouldfail = "the tests are red without any mutant"
            return True
        limit = (time.monotonic() - started) * SLOWER + PATIENCE
        items.sort(key=lambda item: self.seconds.get(item.nodeid, 0.0))
        running: dict[int, tuple[int, float]] = {}
        for number in range(len(self.mutants)):
            while len(running) >= (os.cpu_count() or 1):
                self._reap(running, limit)
            self._reorder(items)
            running[self._start(number, items)] = (number, time.monotonic())
        while running:
            self._reap(running, limit)
        return True

    def carry_out(self, items: Sequence[pytest.Item]) -> None:
        """Run the tests; fixtures of the session stay, because the last test is followed by the first again."""
        for number, item in enumerate(items):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=items[(number + 1) % len(items)])
            if self.failed:
                os.write(self._telling, f"{item.nodeid}\n".encode())
                return

    def _reorder(self, items: list[pytest.Item]) -> None:
        """Bring forward what has just noticed a mutant: its neighbours are mostly noticed by the same test."""
        with contextlib.suppress(BlockingIOError):
            noticing = os.read(self._listening, 65_536).decode().splitlines()
            items.sort(key=lambda item: item.nodeid not in noticing)

    def _start(self, number: int, items: Sequence[pytest.Item]) -> int:
        pid = os.fork()
        if pid:
            return pid
        status = NOTICED
        try:
            os.setpgid(0, 0)
            silence = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(silence, descriptor)
            items[0].config.pluginmanager.unregister(name="terminalreporter")  # it keeps a descriptor of its own
            status = self._meet(self.mutants[number], items)
        except BaseException:  # noqa: BLE001 - a mutant that brings everything down was noticed
            os._exit(NOTICED)
        os._exit(status)

    def _meet(self, mutant: Mutant, items: Sequence[pytest.Item]) -> int:
        codes = replacements(self.path, mutant)
        if codes is None or not put_in_place(sys.modules[self.name], codes):
            if not loads(self.path, mutant):
                return NOTICED
            again = local[sys.executable][__file__, "--fresh", str(self.path), *(item.nodeid for item in items)]
            status: int = (again << mutant.source).run(retcode=None)[0]
            return status
        self.carry_out(items)
        return NOTICED if self.failed else UNNOTICED

    def _reap(self, running: dict[int, tuple[int, float]], limit: float) -> None:
        """Wait for one of the mutants to be done with; one that takes too long was noticed."""
        time.sleep(0.01)
        for pid, (number, started) in list(running.items()):
            found, status = os.waitpid(pid, os.WNOHANG)
            if not found and time.monotonic() - started > limit:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
                found, status = os.waitpid(pid, 0)
            if found:
                del running[pid]
                self.report(number, self.mutants[number], status != UNNOTICED)


def module_name(path: Path) -> str:
    """``atsam_safe.guard.space`` for its file."""
    return ".".join(path.relative_to(SOURCES.parent).with_suffix("").parts)


def run_pytest(arguments: Sequence[str], plugins: Sequence[object]) -> int:
    """Quietly, in this process."""
    return int(pytest.main([*QUIET, *arguments], list(plugins)))


def fresh(path: Path, nodes: Sequence[str]) -> int:
    """Load the module from standard input and run the tests; any trouble at all means that it was noticed."""
    sys.meta_path.insert(0, _Finder(module_name(path), path, sys.stdin.read()))
    return UNNOTICED if run_pytest(nodes, ()) == 0 else NOTICED


def mutate(module: str) -> dict[str, object]:
    """Every mutant of one module; how many there were, how many were noticed, and which were not."""
    path = SOURCES / module
    mutants = mutants_of(path)
    survivors: list[str] = []
    done: list[int] = []

    def report(number: int, mutant: Mutant, noticed: bool) -> None:  # noqa: FBT001 - one answer
        done.append(number)
        if not noticed:
            survivors.append(mutant.name)
            print(f"  {module} {mutant.name}", flush=True)

    started = time.monotonic()
    tests = [name for name in MODULES[module].split() if (PROJECT / name).exists()]
    code = run_pytest(tests, (Meeting(path, mutants, report),))
    if len(done) != len(mutants):
        raise SystemExit(f"{module}: only {len(done)} of {len(mutants)} mutants met the tests (pytest ended {code})")
    killed = len(mutants) - len(survivors)
    return {
        "mutants": len(mutants),
        "killed": killed,
        "score": killed / len(mutants) if mutants else 1.0,
        "survivors": sorted(survivors),
        "seconds": round(time.monotonic() - started),
    }


def main() -> int:
    """Mutate the modules named, or all of them; each in a process of its own, because the tests' modules are loaded once."""
    parser = argparse.ArgumentParser(prog="scripts/faults --mutants", description=__doc__)
    parser.add_argument("--fresh", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"default: {' '.join(MODULES)}")
    chosen = parser.parse_args()
    os.chdir(PROJECT)
    sys.path[:0] = [str(PROJECT / "tests"), str(PROJECT / "src")]
    if chosen.fresh:
        return fresh(Path(chosen.fresh[0]), chosen.fresh[1:])
    RESULTS.parent.mkdir(exist_ok=True)
    if chosen.one:
        found = mutate(chosen.one)
        kept: dict[str, Any] = (
            json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"tool": "cosmic-ray", "modules": {}}
        )
        kept["modules"][chosen.one] = found
        RESULTS.write_text(json.dumps(kept, indent=1), encoding="utf-8")
        print(f"{chosen.one}: {found['killed']} of {found['mutants']} mutants noticed, {found['seconds']} s", flush=True)
        return 0
    return max(local[sys.executable][__file__, "--one", module] & RETCODE(FG=True) for module in chosen.modules or MODULES)


if __name__ == "__main__":
    sys.exit(main())
