"""Sources asked at the same time; what they answered is loaded one at a time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ingest import pull as pipeline
from ingest import unusable
from ingest.landing import Landing, Pull, Source
from ingest.pull import Loaded
from signalroom import logs
from signalroom.errors import AnswerError, SignalRoomError
from signalroom.logs import explained
from signalroom.progress import Progress, Step

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


@dataclass(frozen=True)
class Pulled:
    """What became of one pull: what it loaded, or the error that ended it; failures in lines."""

    source: str
    client_id: str
    loaded: Loaded | None = None
    error: Exception | None = None
    failures: tuple[str, ...] = ()


def load_all(pulls: Sequence[tuple[Source, Pull]], progress: Progress) -> Iterator[Pulled]:
    """Ask for every pull at the same time and load each as it comes, with a step of its own.

    Whatever one stumbles over, a fault of our own included, stops no other.
    """
    steps: dict[tuple[str, str], Step] = {}
    told: list[tuple[Source, Pull]] = []
    for source, pull in pulls:
        title = f"{source.title} {pull.client_id}"
        with logs.about(client=pull.client_id, source=source.name):
            step = steps[source.name, pull.client_id] = progress.step(title)

        def notice(text: str, title: str = title) -> None:
            progress.note(f"{title}: {text}")

        told.append((source, replace(pull, say=step.say, notice=notice)))
    for extracted in extract_all(told):
        names = extracted.source.name, extracted.pull.client_id
        with logs.about(client=names[1], source=names[0]):
            yield _load(extracted, steps[names])


def _load(extracted: Extracted, step: Step) -> Pulled:
    source, client_id = extracted.source.name, extracted.pull.client_id
    try:
        if extracted.error:
            raise extracted.error
        step.say("is loaded")
        loaded = pipeline.store(extracted.source, extracted.pull, extracted.landings)
    except Exception as error:
        said = explained(error)
        if not isinstance(error, SignalRoomError):
            said = f"{source} {client_id}: {said}"
        step.fail(said)
        return Pulled(source, client_id, error=error, failures=(said,))
    if loaded.failures:
        step.fail("; ".join(loaded.failures))
    else:
        step.finish(loaded.summary())
    return Pulled(source, client_id, loaded, failures=tuple(loaded.failures))
