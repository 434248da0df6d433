"""Errors with a message for people.

SignalRoomError           one readable line: what happened, for whom, what is unaffected, what to do
  + ConfigurationError    a setting is missing or wrong
  + SourceError           a vendor's answer could not be used
  |   + CredentialsError  the vendor rejects the key; retrying cannot help
  |   |   + ForbiddenError  the key is valid, but may not do this
  |   + DeferredError     rate-limited for longer than one request may wait
  |   + AnswerError       the answer is incomplete or unexpected; nothing was loaded
  |       + AbsentError   the vendor does not have what was requested
  |       + TooLargeError too large for memory; a smaller part may be requested
  + WarehouseError        the warehouse is unavailable, locked or unreadable
  + TransformError        dbt failed
  + ReportError           a report could not be made
"""

from __future__ import annotations

from datetime import datetime

# Errors that a retry would hit again: a step that ends with one of these is not automatically
# retried, on either engine. The last two are not exceptions: a channel's permanent rejection, and
# dbt tests.
FINAL = frozenset(
    {
        "AbsentError",
        "AnswerError",
        "ConfigurationError",
        "CredentialsError",
        "ForbiddenError",
        "TooLargeError",
        "DeliveryError",
        "TestsFailed",
    }
)


class SignalRoomError(Exception):
    """Base of all failures that are explained in one line; the exit code is 1."""


class ConfigurationError(SignalRoomError):
    """A setting is missing, malformed or contradicts another."""


class SourceError(SignalRoomError):
    """A vendor could not be read; the tables keep their rows."""


class CredentialsError(SourceError):
    """The vendor refused the credentials."""


class AnswerError(SourceError):
    """The vendor answered, but not completely or not in a known form.

    `payload` is its answer, as parsed JSON or text and not redacted: it is kept with the dead
    letters and never printed. `table` is the requested raw table, if known.
    """

    def __init__(self, message: str, payload: object = None) -> None:
        super().__init__(message)
        self.payload = payload
        self.table: str | None = None


class AbsentError(AnswerError):
    """The vendor does not have what was requested, such as a list that an account lacks."""


class TooLargeError(AnswerError):
    """An answer that exceeds SIGNALROOM_HTTP_MAX_ANSWER_MB, or would when parsed."""


class ForbiddenError(CredentialsError):
    """The key is valid, but may not do this (HTTP 403)."""


class DeferredError(SourceError):
    """Rate-limited for longer than SIGNALROOM_HTTP_MAX_WAIT_S; not a failed attempt.

    `until` is the instant (UTC, real clock) when a retry makes sense.
    """

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class WarehouseError(SignalRoomError):
    """The warehouse cannot be reached, is in use by another process, or lacks a table."""


class TransformError(SignalRoomError):
    """dbt did not finish, or some of its models or tests failed."""


class ReportError(SignalRoomError):
    """A report could not be made."""
