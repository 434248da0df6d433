"""Sources asked at the same time; what they answered is loaded one at a time, by the caller."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingest import unusable
from ingest.landing import Landing, Pull, Source
from signalroom.errors import AnswerError

WORKERS = 4  # each waits for its vendor most of the time


@dataclass(frozen=True)
class Extracted:
    """What one pull gave: landings, or the error that ended it."""

    source: Source
    pull: Pull
    landings: Sequence[Landing] = ()
    error: Exception | None = None


def extract_all(pulls: Sequence[tuple[Source, Pull]]) -> Iterator[Extracted]:
    """Extract every pull, at most four at a time; yields each as soon as it is there.

    The threads are daemons: on Ctrl-C nobody waits for a vendor that hangs.
    """
    waiting: queue.SimpleQueue[tuple[Source, Pull]] = queue.SimpleQueue()
    done: queue.SimpleQueue[Extracted] = queue.SimpleQueue()
    for one in pulls:
        waiting.put(one)

    def work() -> None:
        while True:
            try:
                source, pull = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                done.put(Extracted(source, pull, list(source.extract(pull))))
            except Exception as error:
                done.put(Extracted(source, pull, error=error))

    for _ in range(min(WORKERS, len(pulls))):
        threading.Thread(target=work, daemon=True).start()
    for _ in pulls:
        extracted = done.get()
        if isinstance(extracted.error, AnswerError):  # here, where one thread writes
            unusable.keep(extracted.source, extracted.pull, [extracted.error])
        yield extracted
