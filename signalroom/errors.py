"""Errors that a person reads.

SignalRoomError           one readable line: what happened, to whom, what was kept, what to do now
  + ConfigurationError    a setting is missing or wrong
  + SourceError           a vendor's answer could not be used
  |   + CredentialsError  the vendor rejects the key; retrying cannot help
  |   |   + ForbiddenError  the key is good, but may not do this
  |   + DeferredError     rate-limited for longer than one request may wait
  |   + AnswerError       the answer is incomplete or not what it should be; nothing was loaded
  |       + AbsentError   the vendor does not have what was requested
  |       + TooLargeError more than may be held at once; a smaller part may be requested
  + WarehouseError        the warehouse is away, locked or unreadable
  + TransformError        dbt failed
  + ReportError           a report could not be made
"""

from __future__ import annotations

from datetime import datetime

# What a second try would meet again: a step that ends with one of these is not tried again by
# itself, on either engine. The last two are no exceptions: what a channel refused for good, and
# tests of dbt.
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

    `payload` is what it said, as parsed JSON or text and not redacted: it is kept among the dead
    letters and never printed. `table` is the raw table that was requested, where it is known.
    """

    def __init__(self, message: str, payload: object = None) -> None:
        super().__init__(message)
        self.payload = payload
        self.table: str | None = None


class AbsentError(AnswerError):
    """The vendor does not have what was requested, as with a list that an account lacks."""


class TooLargeError(AnswerError):
    """An answer beyond SIGNALROOM_HTTP_MAX_ANSWER_MB, or one that would be when it is parsed."""


class ForbiddenError(CredentialsError):
    """The vendor knows the key, and it may not do this (HTTP 403)."""


class DeferredError(SourceError):
    """The vendor asks for a wait beyond SIGNALROOM_HTTP_MAX_WAIT_S; no failed attempt.

    `until` is the instant (UTC, real clock) at which asking again makes sense.
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
