"""The pulls of `signalroom ingest`: asked side by side, loaded one by one, a line for each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import click

from ingest import pipeline, registry
from ingest.side_by_side import Extracted, extract_all
from ingest.windows import explicit_window
from signalroom import logs
from signalroom.clients import active_clients
from signalroom.errors import DeferredError, SignalRoomError
from signalroom.masking import mask

if TYPE_CHECKING:
    from ingest.landing import Pull, Source
    from signalroom.progress import Progress, Step


class Pulls:
    """What one command asks for, and what failed of it."""

    def __init__(self, progress: Progress, as_json: bool) -> None:
        self.failures: list[str] = []
        self._progress = progress
        self._as_json = as_json

    def prepare(
        self,
        names: Sequence[str],
        chosen: tuple[str, ...],
        resources: tuple[str, ...],
        days: tuple[date | None, date | None],
        since: Mapping[str, date],
        skipped: tuple[str, ...],
    ) -> Iterator[tuple[Source, Pull]]:
        """The pulls, one source and client after another; what cannot even be asked is a failure.

        `days` are the first and the last day that a person named; `since` is, by source,
        a day back to which a pull of what is due has to reach.
        """
        window = explicit_window(*days) if any(days) else None
        working_for = active_clients(chosen)
        for name in names:
            source = registry.source(name)
            for client in working_for:
                if f"{name}:{client.id}" in skipped:
                    continue
                missing = pipeline.missing_variables(source, client.id)
                if missing:
                    self._progress.note(
                        f"{source.title} is off for {client.id}: {', '.join(missing)} is not set."
                    )
                    continue
                try:
                    pipeline.refuse_shared_accounts(source)
                    yield (
                        source,
                        pipeline.make_pull(
                            source,
                            client.id,
                            window=window,
                            asked=since.get(name),
                            resources=resources,
                        ),
                    )
                except SignalRoomError as error:
                    self._fail(source.name, client.id, error)

    def load(self, pulls: Sequence[tuple[Source, Pull]]) -> None:
        """Ask all vendors at the same time; load what came, one after another."""
        steps: dict[tuple[str, str], Step] = {}
        told: list[tuple[Source, Pull]] = []
        for source, pull in pulls:
            title = f"{source.title} {pull.client_id}"
            with logs.about(client=pull.client_id, source=source.name):
                step = self._progress.step(title)
            steps[source.name, pull.client_id] = step

            def notice(text: str, title: str = title) -> None:
                self._progress.note(f"{title}: {text}")

            told.append((source, replace(pull, say=step.say, notice=notice)))
        for extracted in extract_all(told):
            source_name, client_id = extracted.source.name, extracted.pull.client_id
            step = steps[source_name, client_id]
            with logs.about(client=client_id, source=source_name):
                try:
                    self._store(extracted, step)
                except Exception as error:  # one source stops no other, whatever it stumbles over
                    step.fail(str(error))
                    self._fail(source_name, client_id, error)

    def _store(self, extracted: Extracted, step: Step) -> None:
        if extracted.error:
            raise extracted.error
        loaded = pipeline.store(extracted.source, extracted.pull, extracted.landings)
        if loaded.failures:
            step.fail("; ".join(loaded.failures))
        else:
            step.finish(loaded.summary())
        self.failures += loaded.failures
        self._tell(
            loaded.source,
            loaded.client_id,
            loaded.failures,
            window=str(loaded.window),
            rows=loaded.rows,
            changed=loaded.changed,
            rejected_rows=loaded.rejected_rows,
        )

    def _fail(self, source: str, client_id: str, error: Exception) -> None:
        said = str(error)
        if not isinstance(error, SignalRoomError):
            said = f"{source} {client_id}: unexpected {type(error).__name__}: {said}"
        said = " ".join(said.split())
        self.failures.append(said)
        more: dict[str, object] = {"error_class": type(error).__name__}
        if isinstance(error, DeferredError):
            more["deferred_until"] = error.until.isoformat()
        self._tell(source, client_id, [said], **more)

    def _tell(self, source: str, client: str, failures: Sequence[str], **more: object) -> None:
        if self._as_json:
            found = {"source": source, "client": client, **more}
            click.echo(json.dumps({**found, "failures": [mask(failure) for failure in failures]}))
