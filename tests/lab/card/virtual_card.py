"""A virtual card in a virtual reader: speaks the protocol of vsmartcard's vpcd driver over TCP.

Frames are a length on two bytes and the payload. One byte from the reader is a control (0 off, 1 on, 2 reset, 4 what is your ATR); anything
else is an APDU. Connecting is inserting the card, closing is taking it out.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Final, Protocol

ATR_CPS3: Final = bytes.fromhex("3BAC00402A001225006480000310009000")
ATR_CPS3_CONTACTLESS: Final = bytes.fromhex("3B8F80010031B86404B0ECC1739401808290000E")
ATR_CPS4_T1: Final = bytes.fromhex("3B9B188001001225006480040100009044")
ATR_CPS4_T0: Final = bytes.fromhex("3BDC18FF00001225006480000401009000")
ATR_CPS3_VARIANT: Final = bytes.fromhex("3BAC00402A001225006480820212009000")
ATR_CPS4_UNLISTED: Final = bytes.fromhex("3BDC18FF00001225006480000501009000")
ATR_CPS2TER: Final = bytes.fromhex("3B7B1800000000000000000000000000")
ATR_VITALE_1: Final = bytes.fromhex("3F6525002C09699000")
ATR_VITALE_2: Final = bytes.fromhex("3B751300004409EA9000")
ATR_OTHER: Final = bytes.fromhex("3B02145A")

_ANSWER_TO_RESET: Final = 4


class Handler(Protocol):
    """What is inside the plastic."""

    def reset(self) -> None:
        """Forget every state, as after power-on."""
        ...

    def command(self, apdu: bytes) -> bytes:
        """Answer one command, status words included."""
        ...


class NoApplication:
    """A card that knows nothing of what it is asked, like a Vitale asked for a CPS application."""

    def __init__(self) -> None:
        self.commands: list[bytes] = []

    def reset(self) -> None:
        """Nothing to forget."""

    def command(self, apdu: bytes) -> bytes:
        """File not found for a SELECT, instruction not supported for the rest."""
        self.commands.append(apdu)
        return b"\x6a\x82" if apdu[1:2] == b"\xa4" else b"\x6d\x00"


class VirtualCard:
    """A card that can be put into a reader and taken out, several times."""

    def __init__(self, port: int, atr: bytes, handler: Handler) -> None:
        self._port = port
        self._atr = atr
        self._handler = handler
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def insert(self) -> None:
        """Put the card in."""
        self._handler.reset()
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=5)
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._thread = threading.Thread(target=self._serve, args=(self._socket,), daemon=True)
        self._thread.start()

    def remove(self) -> None:
        """Take the card out; harmless when it is not in."""
        if self._socket is None or self._thread is None:
            return
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        if self._thread is not threading.current_thread():
            self._thread.join(5)
        self._socket = None

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError):
            while True:
                (length,) = struct.unpack(">H", _receive(connection, 2))
                message = _receive(connection, length)
                if length == 1:
                    if message[0] == _ANSWER_TO_RESET:
                        _send(connection, self._atr)
                    else:
                        self._handler.reset()
                else:
                    _send(connection, self._handler.command(message))


def _receive(connection: socket.socket, length: int) -> bytes:
    received = b""
    while len(received) < length:
        part = connection.recv(length - len(received))
        if not part:
            raise EOFError
        received += part
        # vpcd writes length and payload separately: without an immediate acknowledgement each command costs 40 ms.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    return received


def _send(connection: socket.socket, payload: bytes) -> None:
    connection.sendall(struct.pack(">H", len(payload)) + payload)
