"""Masking: no secret leaves the process in a message, a log line or a stored payload."""

from __future__ import annotations

import logging
import os
from collections import deque
from urllib.parse import quote, quote_plus

from signalroom.settings import SECRETS

MASK = "***"
_learned: deque[str] = deque(maxlen=100)  # tokens expire: the newest ones matter


def learn(secret: str) -> None:
    """Mask a secret that no variable holds, such as a token that a vendor handed out."""
    _learned.append(secret)


def secret_values() -> list[str]:
    """Every known secret, longest first, as written and as it looks inside a URL."""
    values = set(_learned)
    for name, value in os.environ.items():
        if len(value) >= 4 and name.split("__", 1)[0] in SECRETS:
            values |= {value, quote(value, safe=""), quote_plus(value)}
    return sorted(values, key=len, reverse=True)


def mask(text: str) -> str:
    """The text with every known secret replaced by `***`."""
    for value in secret_values():
        text = text.replace(value, MASK)
    return text


class MaskingFilter(logging.Filter):
    """Masks secrets in every log record, its exception text included."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = mask(record.getMessage())
        record.args = None
        if record.exc_info:
            record.exc_text = mask(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True
