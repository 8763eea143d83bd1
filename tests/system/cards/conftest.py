"""Real daemon, virtual cards: one private pcscd per test, on one socket per test process.

libpcsclite keeps the first socket path it reads for the life of the process: it is set here, while tests are collected, and every daemon of
this process listens on that same path.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from lab.card.modules import compile_module
from lab.card.pcscd import DRIVER, PCSCD, PrivatePcscd
from lab.card.virtual_card import Handler, VirtualCard
from lab.stage_fixtures import materials, stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["materials", "stage"]

T = TypeVar("T")

_FOLDER = Path(tempfile.mkdtemp(prefix="pcsc-"))
_SOCKET = _FOLDER / "pcscd.comm"
os.environ["PCSCLITE_CSOCK_NAME"] = str(_SOCKET)
# OpenSC would otherwise keep card files in the home folder and answer from there.
(_FOLDER / "opensc.conf").write_text("app default { debug = 0; framework pkcs15 { use_file_caching = no; } }\n", encoding="ascii")
os.environ["OPENSC_CONF"] = str(_FOLDER / "opensc.conf")
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)


def until(look: Callable[[], T], *, seconds: float = 5.0) -> T:
    """The first true value of ``look``; fails after ``seconds``."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        value = look()
        if value:
            return value
        time.sleep(0.02)
    pytest.fail("not reached in time")


class Desk:
    """A desk with card readers: a private daemon and the cards put into its readers."""

    def __init__(self) -> None:
        self.pcscd: PrivatePcscd | None = None
        self.cards: list[VirtualCard] = []

    def readers(self, *names: str) -> PrivatePcscd:
        """Start the daemon with these readers; each is listed twice, as ``name 00 00`` and ``name 00 01``."""
        self.pcscd = PrivatePcscd(_FOLDER, _SOCKET, names)
        self.pcscd.start()
        return self.pcscd

    def insert(self, atr: bytes, handler: Handler, *, reader: int = 0, slot: int = 0, wait: bool = True) -> VirtualCard:
        """Put a card into a slot and wait until the daemon has seen it."""
        assert self.pcscd is not None
        card = VirtualCard(self.pcscd.ports[reader] + slot, atr, handler)
        card.insert()
        self.cards.append(card)
        if wait:
            self.wait_for(atr)
        return card

    def remove(self, card: VirtualCard) -> None:
        """Take a card out and wait until the daemon has seen it go: only then is the next one a new card to it."""
        from atsam_safe.cards.readers import list_slots  # noqa: PLC0415 - after the socket is set

        present = sum(slot.state == "card" for slot in list_slots(()))
        card.remove()
        until(lambda: sum(slot.state == "card" for slot in list_slots(())) < present)

    def take_out(self) -> None:
        """Take every card out without waiting for the daemon to see it."""
        for card in self.cards:
            card.remove()
        self.cards.clear()

    def wait_for(self, atr: bytes) -> None:
        """Wait until the daemon has seen a card with this answer-to-reset (it looks every 0.4 s)."""
        from atsam_safe.cards.readers import list_slots  # noqa: PLC0415 - after the socket is set

        until(lambda: [slot for slot in list_slots(()) if slot.atr == atr.hex().upper()])

    def clear(self) -> None:
        """Take every card out and stop the daemon."""
        self.take_out()
        if self.pcscd is not None:
            self.pcscd.stop()


@pytest.fixture
def desk() -> Iterator[Desk]:
    """A desk that is cleared afterwards. The packages it needs are named in ``scripts/apt-packages.txt``."""
    missing = [str(path) for path in (PCSCD, DRIVER) if not path.exists()]
    if missing:
        pytest.fail(f"not installed: {', '.join(missing)} (see scripts/apt-packages.txt)")
    made = Desk()
    yield made
    made.clear()


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Compile a module that behaves in one way; each only once."""
    folder = tmp_path_factory.mktemp("modules")
    built: dict[str, Path] = {}

    def make(behaviour: str, flags: tuple[str, ...] = ()) -> Path:
        if behaviour not in built:
            built[behaviour] = compile_module(folder, behaviour, flags=flags)
        return built[behaviour]

    return make


_GENUINE = "CPS_PKCS11_MODULE"
_deselected: list[str] = []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The genuine middleware is tested only when a person names it; otherwise these tests are taken out, and that is said."""
    if os.environ.get(_GENUINE):
        return
    genuine = [item for item in items if item.path.name == "test_genuine_middleware.py"]
    if genuine:
        _deselected.extend(item.name for item in genuine)
        config.hook.pytest_deselected(items=genuine)
        items[:] = [item for item in items if item not in genuine]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests were taken out, and how to run them."""
    if _deselected:
        terminalreporter.write_line(f"{len(_deselected)} tests of the genuine middleware not run: {_GENUINE} does not name it")
