"""The files of one prefix, one after another: their rows, and what became of each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from ingest.landing import Landing, Pull
from ingest.privacy.policy import Policy
from ingest.sources.s3_exports.bucket import Bucket, StoredFile
from ingest.sources.s3_exports.errors import ChangedError, RefusedError, WaitingError
from ingest.sources.s3_exports.file import Accepted, record, rules_digest, take
from ingest.sources.s3_exports.settings import (
    KNOWN_COLUMNS,
    LANDED_BYTES,
    SAY_EVERY_S,
    UNREACHABLE_FILES,
)
from signalroom.errors import SourceError


class Reading:
    """Reads files for a landing; one that cannot be read does not stop the others."""

    def __init__(self, bucket: Bucket, pull: Pull, landing: Landing, policy: Policy) -> None:
        self._bucket = bucket
        self._pull = pull
        self._landing = landing
        self._policy = policy
        self._whose = f"s3_exports for client {pull.client_id}"
        self._columns = set(KNOWN_COLUMNS.get(landing.table, ()))
        self._headers = {
            known.header
            for (table, _), known in pull.known_files.items()
            if table == landing.table and known.status == "loaded"
        }
        self._rows = 0
        self._failed_in_a_row = 0
        self._said_at = time.monotonic()

    def tables(self, files: tuple[StoredFile, ...]) -> Iterator[Any]:
        """Arrow tables of all files that are fit to be loaded, in the files' order.

        Small ones are joined: every table costs the load the same, however few its rows.
        """
        held: list[Any] = []
        size = 0
        for table in self._tables(files):
            if held and (size > LANDED_BYTES or table.schema != held[0].schema):
                yield pa.concat_tables(held)
                held, size = [], 0
            held.append(table)
            size += table.nbytes
        if held:
            yield pa.concat_tables(held)

    def _tables(self, files: tuple[StoredFile, ...]) -> Iterator[Any]:
        for number, file in enumerate(files, 1):
            accepted = self._take(file)
            if accepted is not None:
                yield from accepted.spool.tables()
            if self._failed_in_a_row >= UNREACHABLE_FILES and number < len(files):
                self._landing.failures.append(
                    f"{self._whose}: {len(files) - number} more files of {self._landing.table} "
                    "were not tried; the next run reads them."
                )
                return
            self._say_progress(number, len(files))

    def _take(self, file: StoredFile) -> Accepted | None:
        landing = self._landing
        try:
            accepted = take(self._bucket, file, landing.table, self._policy)
        except ChangedError as reason:
            self._notice(f"{reason}; the next run reads it")
            return None
        except WaitingError as reason:
            self._notice(f"{file.key} waits for a new upload: {reason}. Its earlier rows stay")
            landing.files.append(record(file, "waiting", reason=str(reason)))
            return None
        except RefusedError as reason:
            landing.failures.append(
                f"{self._whose}: {file.key} is refused: {reason}. Its earlier rows stay."
            )
            rules = rules_digest(self._policy, landing.table)
            landing.files.append(record(file, "refused", reason=str(reason), header=rules))
            return None
        except SourceError as error:
            landing.failures.append(str(error))
            self._failed_in_a_row += 1
            return None
        except OSError as error:
            landing.failures.append(
                f"{self._whose}: {file.key} cannot be kept for reading: {error.strerror}. "
                "Make room for temporary files; the next run tries again."
            )
            self._failed_in_a_row += 1
            return None
        self._failed_in_a_row = 0
        self._announce(accepted)
        landing.files.append(accepted.record)
        landing.totals.append(accepted.total)
        landing.dead_letters.extend(accepted.dead_letters)
        self._rows += accepted.record.row_count
        return accepted

    def _announce(self, accepted: Accepted) -> None:
        """Say once what is new in a header; of a table's first file nothing is."""
        file, header = accepted.record.file_name, accepted.record.header
        new = [name for name in dict.fromkeys(accepted.columns) if name not in self._columns]
        if new and header not in self._headers:
            if self._columns:
                self._notice(f"new columns in {file}: {', '.join(new)}")
            elif self._headers:
                self._notice(f"{file} has a header not seen before: {', '.join(new)}")
        self._headers.add(header)
        self._columns.update(new)

    def _say_progress(self, number: int, count: int) -> None:
        if number == count or time.monotonic() - self._said_at > SAY_EVERY_S:
            self._say(f"{number} of {count} files, {self._rows:,} rows")
            self._said_at = time.monotonic()

    def _notice(self, line: str) -> None:
        self._pull.notice(f"{self._landing.table}: {line}")

    def _say(self, line: str) -> None:
        self._pull.say(f"{self._landing.table}: {line}")
