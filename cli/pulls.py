"""The pulls of `signalroom ingest`: asked side by side, loaded one by one, a line for each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import click

from ingest import pull as pipeline
from ingest import registry
from ingest.side_by_side import load_all
from ingest.windows import explicit_window
from signalroom.clients import active_clients
from signalroom.errors import DeferredError, SignalRoomError
from signalroom.masking import mask

if TYPE_CHECKING:
    from ingest.landing import Pull, Source
    from signalroom.progress import Progress


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
                    self._fail(source.name, client.id, error, [str(error)])

    def load(self, pulls: Sequence[tuple[Source, Pull]]) -> None:
        """Ask all vendors at the same time; load what came, one after another."""
        for pulled in load_all(pulls, self._progress):
            if pulled.loaded:
                loaded = pulled.loaded
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
            elif pulled.error:
                self._fail(pulled.source, pulled.client_id, pulled.error, pulled.failures)

    def _fail(self, source: str, client_id: str, error: Exception, failures: Sequence[str]) -> None:
        self.failures += failures
        more: dict[str, object] = {"error_class": type(error).__name__}
        if isinstance(error, DeferredError):
            more["deferred_until"] = error.until.isoformat()
        self._tell(source, client_id, failures, **more)

    def _tell(self, source: str, client: str, failures: Sequence[str], **more: object) -> None:
        if self._as_json:
            found = {"source": source, "client": client, **more}
            click.echo(json.dumps({**found, "failures": [mask(failure) for failure in failures]}))
