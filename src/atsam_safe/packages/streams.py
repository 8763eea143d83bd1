"""Byte streams: hashing on the way, decompression within bounds, and exact reading from buffers of any size.

A stream is an iterator of ``bytes``. Nothing here holds more than a few buffers, whatever the input claims.
"""

from __future__ import annotations

import bz2
import hashlib
import hmac
import lzma
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from zlib_ng import zlib_ng

from atsam_safe.packages.background import WORTHWHILE, Background
from atsam_safe.packages.errors import damaged, too_large
from atsam_safe.packages.limits import BUFFER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from atsam_safe.packages.limits import Limits

# large: each piece is handed from one thread to the next, which costs more than the memory
OUTPUT: Final = 8 * BUFFER
_FIRST_PIECE: Final = 512
_INFLATE_ERROR: Final[type[Exception]] = zlib_ng.error  # type: ignore[assignment] # its stub says an instance


class Decoder(Protocol):
    """What ``lzma`` and ``bz2`` decompressors offer."""

    @property
    def eof(self) -> bool:
        """The compressed stream has ended."""

    @property
    def needs_input(self) -> bool:
        """More input is needed before there is output."""

    @property
    def unused_data(self) -> bytes:
        """Input after the end of the compressed stream."""

    def decompress(self, data: bytes | memoryview, max_length: int = -1) -> bytes:
        """At most ``max_length`` decompressed bytes."""


class ZlibDecoder:
    """zlib and gzip behind the interface of the other decompressors. ``wbits`` 31 means gzip with its CRC checked.

    ``zlib-ng`` takes half the time of zlib for programs and libraries, and the rest of a large package waits for nothing else.
    """

    def __init__(self, wbits: int = zlib_ng.MAX_WBITS) -> None:
        """A fresh decompressor for one stream."""
        self._inflater = zlib_ng.decompressobj(wbits)
        self._waiting = b""

    def decompress(self, data: bytes | memoryview, max_length: int = -1) -> bytes:
        """At most ``max_length`` decompressed bytes; raises ``zlib_ng.error``."""
        plain = self._inflater.decompress(self._waiting + data if self._waiting else data, max(max_length, 0))
        self._waiting = self._inflater.unconsumed_tail
        return plain

    @property
    def eof(self) -> bool:
        """The compressed stream has ended."""
        return self._inflater.eof

    @property
    def needs_input(self) -> bool:
        """Everything handed in was used."""
        return not self._waiting

    @property
    def unused_data(self) -> bytes:
        """Input after the end of the compressed stream."""
        return self._inflater.unused_data


def xz_decoder(limits: Limits, *, legacy: bool = False) -> Decoder:
    """An xz decompressor (``legacy``: also the older .lzma form) that may not take more memory than the limits say."""
    return lzma.LZMADecompressor(lzma.FORMAT_AUTO if legacy else lzma.FORMAT_XZ, memlimit=limits.decoder_memory)


def decoder_for(encoding: str, limits: Limits) -> Decoder | None:
    """The decompressor of a xar ``<encoding>``, or ``None`` for an unknown one. Apple's ``x-gzip`` is a zlib stream."""
    makers: dict[str, Callable[[], Decoder]] = {
        "application/x-gzip": ZlibDecoder,
        "application/zlib": ZlibDecoder,
        "application/x-bzip2": bz2.BZ2Decompressor,
        "application/x-lzma": lambda: xz_decoder(limits, legacy=True),
        "application/x-xz": lambda: xz_decoder(limits),
    }
    maker = makers.get(encoding)
    return None if maker is None else maker()


def hashed(chunks: Iterator[bytes], style: str, expected: str, *, place: str, fault: str, length: int = 0) -> Iterator[bytes]:
    """Hand ``chunks`` through; after the last one compare their digest with ``expected`` (hex) and refuse a difference.

    ``length`` is about how much will come: large streams are hashed beside the reader's own work.
    """
    digest = hashlib.new(style)
    with Background(threaded=length >= WORTHWHILE) as background:
        for chunk in chunks:
            background.call(partial(digest.update, chunk))
            yield chunk
        background.finish()
    if not hmac.compare_digest(digest.hexdigest(), expected.encode("ascii", "replace").decode()):
        raise damaged(place, fault)


def decoded(chunks: Iterator[bytes], encoding: str, *, size: int, place: str, limits: Limits) -> Iterator[bytes]:
    """Undo a xar ``encoding``; exactly ``size`` bytes must come out and nothing may follow the compressed stream."""
    total = 0
    if encoding == "application/octet-stream":
        for chunk in chunks:
            total += len(chunk)
            yield chunk
    else:
        decoder = decoder_for(encoding, limits)
        if decoder is None:
            raise damaged(place, "encoding")
        for plain in pull(decoder, chunks, place=place):
            total += len(plain)
            if total > size:
                raise damaged(place, "more-than-size")
            yield plain
        for chunk in chunks:
            if chunk:
                raise damaged(place, "data-after-stream")
        if decoder.unused_data:
            raise damaged(place, "data-after-stream")
    if total != size:
        raise damaged(place, "size")


def pull(decoder: Decoder, chunks: Iterator[bytes] | Iterator[bytes | memoryview], *, place: str) -> Iterator[bytes]:
    """Decompress one stream; ``decoder.unused_data`` and ``chunks`` then hold what follows it."""
    try:
        while not decoder.eof:
            data: bytes | memoryview = b""
            if decoder.needs_input:
                data = next(chunks, b"")
                if not data:
                    raise damaged(place, "stream-cut-short")
            plain = decoder.decompress(data, OUTPUT)
            if plain:
                yield plain
    except (_INFLATE_ERROR, lzma.LZMAError, OSError, EOFError, ValueError) as error:
        raise damaged(place, _fault_of(error)) from None


def _fault_of(error: Exception) -> str:
    return "decoder-memory" if "memory usage limit" in str(error).lower() else "compressed-data"


class ByteSource:
    """Exact reads from a stream of buffers."""

    def __init__(self, chunks: Iterator[bytes], place: str) -> None:
        """``place`` names the member in errors."""
        self._chunks = chunks
        self._buffer = b""
        self._position = 0
        self.place = place

    def _refill(self) -> bool:
        for chunk in self._chunks:
            if chunk:
                self._buffer = chunk
                self._position = 0
                return True
        self._buffer = b""
        self._position = 0
        return False

    def peek(self, length: int) -> bytes:
        """Up to ``length`` bytes without consuming them (fewer at the end of the stream)."""
        while len(self._buffer) - self._position < length:
            rest = self._buffer[self._position :]
            if not self._refill():
                self._buffer = rest
                break
            self._buffer = rest + self._buffer
        return self._buffer[self._position : self._position + length]

    def take(self, length: int) -> bytes:
        """Exactly ``length`` bytes (keep it small: they are held at once)."""
        end = self._position + length
        if end <= len(self._buffer):
            data = self._buffer[self._position : end]
            self._position = end
            return data
        return b"".join(self.pieces(length))

    def pieces(self, length: int) -> Iterator[bytes | memoryview]:
        """Exactly ``length`` bytes in pieces as they come, uncopied."""
        while length:
            if self._position >= len(self._buffer) and not self._refill():
                raise damaged(self.place, "cut-short")
            end = min(len(self._buffer), self._position + length)
            piece = memoryview(self._buffer)[self._position : end]
            self._position = end
            length -= len(piece)
            yield piece

    def rest(self) -> Iterator[bytes]:
        """Everything that is left."""
        while self._position < len(self._buffer) or self._refill():
            piece = self._buffer[self._position :]
            self._position = len(self._buffer)
            yield piece

    def growing(self) -> Iterator[bytes]:
        """Everything that is left, in pieces that begin small: what a short stream does not use is then cheap to give back."""
        limit = _FIRST_PIECE
        while self._position < len(self._buffer) or self._refill():
            piece = self._buffer[self._position : self._position + limit]
            self._position += len(piece)
            limit *= 8
            yield piece

    def give_back(self, length: int) -> None:
        """Take the last ``length`` bytes of the last piece as not read."""
        self._position -= length

    def skip_zeros(self) -> bool:
        """Skip zero padding; True when something else follows it."""
        for piece in self.rest():
            following = piece.lstrip(b"\0")
            if following:
                self._buffer = following
                self._position = 0
                return True
        return False

    def at_end(self) -> bool:
        """True when nothing is left."""
        return self._position >= len(self._buffer) and not self._refill()


class Allowance:
    """How much may still be unpacked: of one part of a package, and ``within`` it of the whole package.

    What a part took that turned out damaged stays taken: many parts that each fail at their end are a bomb too.
    """

    def __init__(self, limit: int, within: Allowance | None = None) -> None:
        """``limit``: bytes of this part alone."""
        self._left = limit
        self._within = within

    @property
    def room(self) -> int:
        """What is left."""
        return self._left if self._within is None else min(self._left, self._within.room)

    def take(self, size: int, place: str) -> None:
        """Unpack ``size`` bytes more of ``place``; raises ``PackageError`` (``package.too-large``)."""
        if size > self.room:
            raise too_large(place, self.room)
        self._left -= size
        if self._within is not None:
            self._within.take(size, place)

    def bounded(self, chunks: Iterator[bytes], place: str) -> Iterator[bytes]:
        """Hand ``chunks`` through, as long as there is room for them."""
        limit = self.room
        for chunk in chunks:
            if len(chunk) > self.room:
                raise too_large(place, limit)
            self.take(len(chunk), place)
            yield chunk
