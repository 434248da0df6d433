"""The tables of one pull, read one after another: one that cannot be read keeps what it had."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from ingest.landing import Landing, Pull, Window
from signalroom import clock
from signalroom.errors import AbsentError, AnswerError, CredentialsError, SourceError


def read_tables(pull: Pull, read: Callable[[str], Landing | None]) -> list[Landing]:
    """A landing for each table of the pull; `read` gives None where there is nothing to ask.

    A table that fails is named among the failures and keeps what it had, while the others are
    loaded. A further table that the vendor does not have is only noted. Raises the SourceError
    where none can be read, or where the key is refused at once.
    """
    landings: list[Landing] = []
    failed: list[tuple[str, SourceError]] = []
    for table in pull.resources:
        try:
            landing = read(table)
        except AbsentError as error:
            if table == pull.resources[0]:
                error.table = table
                failed.append((table, error))
            else:
                pull.notice(f"{table}: the vendor has none for this account")
        except (AnswerError, CredentialsError) as error:
            if isinstance(error, CredentialsError) and not landings:
                raise
            if isinstance(error, AnswerError):
                error.table = table
            failed.append((table, error))
        except SourceError as error:
            # away, or asking for patience: the other tables would only meet the same
            failed.append((table, error))
            break
        else:
            if landing is not None:
                landings.append(landing)
    if failed and not landings:
        raise failed[0][1]
    if landings:
        landings[0].failures += [f"{table} keeps what it had: {error}" for table, error in failed]
        landings[0].unusable += [error for _, error in failed if isinstance(error, AnswerError)]
    return landings


def within(pull: Pull, days_kept: int) -> Pull | None:
    """The pull without the days that the vendor no longer keeps; None where none is left.

    An empty answer about such days would empty them here.
    """
    first = clock.today() - timedelta(days=days_kept - 1)
    if pull.window.end < first:
        return None
    return replace(pull, window=Window(max(pull.window.start, first), pull.window.end))
