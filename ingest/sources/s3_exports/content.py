"""A file's content on local disk, expanded: bounded, with its digest."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.sources.s3_exports.errors import RefusedError, WaitingError
from ingest.sources.s3_exports.settings import MAX_EXPANDED_BYTES, MAX_RATIO, RATIO_FROM_BYTES

GZIP = b"\x1f\x8b"
ZIP = b"PK\x03\x04"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
STEP_BYTES = 1 << 20


@dataclass(frozen=True)
class Content:
    """The expanded bytes of a file; `digest` is their sha256, however they were packed."""

    path: Path
    size_bytes: int
    digest: str
    has_nul: bool


def store(pieces: Iterable[bytes], path: Path) -> Content:
    """Write the pieces, expanded where they are gzip, to the path.

    Raises WaitingError for nothing and for gzip that is cut off, RefusedError for what no export
    is: bombs, archives, UTF-16, broken gzip.
    """
    digest = hashlib.sha256()
    size = 0
    has_nul = False
    with path.open("wb") as file:
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
    return Content(path, size, digest.hexdigest(), has_nul)


def _check_start(piece: bytes) -> None:
    if piece.startswith(ZIP):
        raise RefusedError("it is a zip archive; export plain CSV or gzip")
    if piece.startswith(GZIP):
        raise RefusedError("it is gzip within gzip; export plain CSV or gzip")
    if piece.startswith(UTF16):
        raise RefusedError("it is UTF-16; export it as UTF-8")


def _expanded(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces, or what they hold when they begin like gzip, whatever the file is called."""
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
            if member.eof:  # a gzip file may be several in a row
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
