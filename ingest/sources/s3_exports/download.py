"""A file's decompressed content on local disk: bounded, with its digest; and work done ahead.

It is an unnamed temporary file, so that nothing is left behind, however the process ends.
"""

from __future__ import annotations

import hashlib
import io
import os
import threading
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import Any, Self, TypeVar

from ingest.sources.s3_exports.limits import (
    MAX_EXPANDED_BYTES,
    MAX_RATIO,
    RATIO_FROM_BYTES,
    RefusedError,
    WaitingError,
)

GZIP = b"\x1f\x8b"
# What else a file that is called an export may begin with.
OTHER_FORMS = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a rar archive",
}
TAR_MARK, TAR_AT = b"ustar", 257
UTF16 = (b"\xff\xfe", b"\xfe\xff")
CR = 13
STEP_BYTES = 1 << 20
Result = TypeVar("Result")


class Bytes(io.RawIOBase):
    """Bytes of an open file from an offset on, then the given bytes; with its own position."""

    def __init__(self, handle: int, offset: int, size: int, then: bytes) -> None:
        self._handle = handle
        self._position = offset
        self._size = size
        self._then = then

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as there is data."""
        view = memoryview(buffer)  # a slice of a bytearray would be a copy
        if self._position < self._size:
            left = self._size - self._position
            count = os.preadv(self._handle, [view[:left]], self._position)
            if count > 1 and view[count - 1] == CR:
                # Arrow drops a line feed at the start of a block after a carriage return, even
                # within quotes: so no block ends with a carriage return.
                count -= 1
        else:
            start = self._position - self._size
            count = len(self._then[start : start + len(view)])
            view[:count] = self._then[start : start + count]
        self._position += count
        return count


@dataclass(frozen=True)
class Content:
    """The decompressed bytes of a file; `digest` is their sha256, however they were packed.

    To be closed.
    """

    size_bytes: int
    digest: str
    has_nul: bool
    _file: Any

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def bytes_from(self, offset: int, then: bytes = b"") -> Bytes:
        """The bytes from an offset on, followed by those given."""
        return Bytes(self._file.fileno(), offset, self.size_bytes, then)

    def text_from(self, offset: int) -> io.TextIOWrapper:
        """The text from an offset on; bytes that are not UTF-8 become lone surrogates."""
        buffered = io.BufferedReader(self.bytes_from(offset), STEP_BYTES)
        return io.TextIOWrapper(buffered, "utf-8", errors="surrogateescape", newline="")


def stored(pieces: Iterable[bytes]) -> Content:
    """The chunks, decompressed if they are gzip, in a temporary file.

    Raises WaitingError for an empty file and for truncated gzip, RefusedError for what cannot be an
    export: bombs, archives, UTF-16, broken gzip.
    """
    with ExitStack() as opened:
        file = opened.enter_context(TemporaryFile(prefix="signalroom-s3-"))
        digest = hashlib.sha256()
        size = 0
        has_nul = False
        for piece in _expanded(pieces):
            if size == 0:
                _check_start(piece)
            size += len(piece)
            if size > MAX_EXPANDED_BYTES:
                raise RefusedError(f"its content is larger than {MAX_EXPANDED_BYTES >> 30} GB")
            digest.update(piece)
            has_nul = has_nul or b"\0" in piece
            file.write(piece)
        if size == 0:
            raise WaitingError("it is empty")
        file.flush()
        opened.pop_all()
    return Content(size, digest.hexdigest(), has_nul, file)


def _check_start(piece: bytes) -> None:
    forms = [form for start, form in OTHER_FORMS.items() if piece.startswith(start)]
    if piece.startswith(TAR_MARK, TAR_AT):
        forms.append("a tar archive")
    if forms:
        raise RefusedError(f"it is {forms[0]}; export plain CSV or gzip")
    if piece.startswith(GZIP):
        raise RefusedError("it is gzip within gzip; export plain CSV or gzip")
    if piece.startswith(UTF16):
        raise RefusedError("it is UTF-16; export it as UTF-8")


def _expanded(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks, decompressed if they begin like gzip, whatever the file's name."""
    stream = iter(pieces)
    first = next(stream, b"")
    if not first.startswith(GZIP):
        if first:
            yield first
        yield from stream
        return
    try:
        yield from _gunzipped(first, stream)
    except zlib.error as error:
        raise RefusedError("its gzip is broken; export it again") from error


def _gunzipped(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    packed = expanded = 0
    member = zlib.decompressobj(wbits=31)
    waiting = first
    while waiting:
        packed += len(waiting)
        while waiting:
            if member.eof:  # a gzip file may have several members
                member = zlib.decompressobj(wbits=31)
            data = member.decompress(waiting, STEP_BYTES)
            waiting = member.unused_data if member.eof else member.unconsumed_tail
            expanded += len(data)
            if expanded > RATIO_FROM_BYTES and expanded > MAX_RATIO * packed:
                raise RefusedError(
                    f"its gzip expands more than {MAX_RATIO} times, as no export does"
                )
            if data:
                yield data
        waiting = next(rest, b"")
    if not member.eof:
        raise WaitingError("its gzip is cut off")


def begun(work: Callable[[], Result]) -> Future[Result]:
    """Start the work in a thread of its own; on Ctrl-C nothing waits for it."""
    done: Future[Result] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=copy_context().run, args=(run,), daemon=True).start()
    return done


def one_ahead(items: Generator[Result]) -> Generator[Result]:
    """The items in order, each produced while the one before is used; errors come in order too.

    To be closed: then no thread uses what `items` uses.
    """
    end = object()
    coming = begun(lambda: next(items, end))
    try:
        while (item := coming.result()) is not end:
            coming = begun(lambda: next(items, end))
            yield item  # type: ignore[misc]
    finally:
        coming.exception()  # waits
        items.close()
