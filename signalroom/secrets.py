"""Secrets: which variables hold them, and every form in which a text may contain one.

A variable is secret by declaration, by its suffix, or because it holds a private key. Its value is
masked as a whole and line by line; in JSON (a service account's key) the secret fields.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from urllib.parse import quote, quote_plus

from signalroom.settings import SECRETS, declared

MASK = "***"
SUFFIXES = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD", "_JSON", "_SALT")
SECRET_FIELD = re.compile(r"(?i)(key|key_id|token|secret|password|assertion)$")
LOGIN = re.compile(r"(?<=://)[^/?#\s@:]*:[^/?#\s@]+(?=@)")  # in a URL, such as a proxy's
LEAST = 4  # a shorter value would mask parts of words
LEAST_UNDECLARED = 8  # for a variable that is ours only by its suffix, and for one line of a value
_learned: deque[str] = deque(maxlen=100)  # tokens expire: the newest ones matter


def learn(secret: str) -> None:
    """Mask a secret that is in no variable, such as a token issued by a vendor."""
    if len(secret) >= LEAST_UNDECLARED:
        _learned.append(secret)


def is_declared(name: str) -> bool:
    """Whether a variable is declared secret, by us or by a source."""
    plain = name.split("__", 1)[0]
    return plain in SECRETS or bool(declared().get(plain, {}).get("secret"))


def is_secret(name: str) -> bool:
    """Whether a variable holds a secret, by declaration or by its suffix."""
    return name.split("__", 1)[0].endswith(SUFFIXES) or is_declared(name)


def environment(needed: Iterable[str]) -> dict[str, str]:
    """This process's environment for a child, without the secrets that it does not need.

    `needed` are plain names; a client's own (`NAME__CLIENT`) are included.
    """
    kept = set(needed)
    return {
        name: value
        for name, value in os.environ.items()
        if not is_secret(name) or name.split("__", 1)[0] in kept
    }


def mask(text: str) -> str:
    """The text with every known secret replaced by `***`, in any form."""
    spelled = _spellings(tuple(_values()))
    for spelling in spelled:
        text = text.replace(spelling, MASK)
    if "\n" in text or "\\n" in text:
        text = _without_wrapped(text, spelled)
    return LOGIN.sub(MASK, text) if "@" in text else text


def secret_values() -> list[str]:
    """Every known secret in all its forms, longest first."""
    return sorted(set(_values()), key=len, reverse=True)


def _values() -> Iterator[str]:
    yield from (secret for secret in _learned if secret)
    for name, value in os.environ.items():
        if is_secret(name):
            least = LEAST if is_declared(name) else LEAST_UNDECLARED
        elif "PRIVATE KEY-----" in value:  # a key pasted into the variable for its path
            least = LEAST
        else:
            continue
        if len(value.strip()) >= least:
            yield from _parts(value)


def _parts(value: str) -> Iterator[str]:
    """A value, its lines, and the secret fields of JSON with theirs."""
    yield value.strip()
    if "\n" in value or "\r" in value:
        yield from (line.strip() for line in value.splitlines() if _is_telling(line))
    if value.lstrip().startswith("{"):
        try:
            found = json.loads(value)
        except ValueError:
            return
        yield from _fields(found)


def _fields(found: object) -> Iterator[str]:
    """The secret fields of JSON with their lines, at any depth."""
    if isinstance(found, list):
        for inner in found:
            yield from _fields(inner)
    for name, field in found.items() if isinstance(found, Mapping) else ():
        if not isinstance(field, str):
            yield from _fields(field)
        elif SECRET_FIELD.search(name) and len(field.strip()) >= LEAST:
            yield field
            yield from (line for line in field.splitlines() if _is_telling(line))


def _is_telling(line: str) -> bool:
    return len(line.strip()) >= LEAST_UNDECLARED and "-----" not in line


@lru_cache(maxsize=8)
def _spellings(values: tuple[str, ...]) -> tuple[str, ...]:
    """All spellings of all values, longest first."""
    found = {spelling for value in values for spelling in _written(value)}
    return tuple(sorted(found, key=len, reverse=True))


def _written(value: str) -> Iterator[str]:
    """A value as is, escaped for URL, JSON, Python and HTML, and inside base64."""
    yield value
    for quoted in (quote(value, safe=""), quote(value), quote_plus(value)):
        yield quoted
        yield quote(quoted, safe="")  # a URL inside a URL
        yield re.sub("%..", lambda code: code[0].lower(), quoted)
    for escaped in (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        yield escaped
        yield json.dumps(escaped)[1:-1]
        yield escaped.replace("/", "\\/")
    yield repr(value)[1:-1]
    yield value.replace("'", "''")  # in SQL
    yield value.replace('"', '""')  # in CSV
    yield repr(value.encode())[2:-1]
    plain = html.escape(value, quote=False)
    for double in ('"', "&quot;", "&#34;", "&#x22;"):
        for single in ("'", "&#x27;", "&#39;", "&apos;"):
            yield plain.replace('"', double).replace("'", single)
    yield from _base64(value.encode())


def _base64(value: bytes) -> Iterator[str]:
    """The part of base64 text that depends only on the value, at each of the three alignments.

    So `user:secret` of a Basic header is found too, whatever surrounds the secret.
    """
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(b"\0" * offset + value).decode().rstrip("=")
            first = -(-offset * 8 // 6)
            last = (offset + len(value)) * 8 // 6
            if last - first >= LEAST_UNDECLARED:
                yield text[first:last]


def _without_wrapped(text: str, spelled: tuple[str, ...]) -> str:
    """Mask secrets broken across lines, as in an email's base64 or wrapped text."""
    joined = re.sub(r"(?:\\r|\\n|[\r\n])[ \t]*", "", text)
    for spelling in spelled:
        if len(spelling) >= LEAST_UNDECLARED and spelling in joined:
            cut = r"(?:(?:\\r|\\n|[\r\n])+[ \t]*)?".join(map(re.escape, spelling))
            text = re.sub(cut, MASK, text)
    return text
