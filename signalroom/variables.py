"""Checks of the variables themselves, without any calls, for `signalroom doctor`.

A misspelled name, a URL without https://, an invalid number, invalid recipients, quotes around a
key.
"""

from __future__ import annotations

import difflib
import ipaddress
import math
import os
import re
from collections.abc import Callable, Collection, Iterator
from functools import cache
from urllib.parse import urlsplit

from dotenv import dotenv_values

from signalroom import clients, clock, settings
from signalroom.checks import Check
from signalroom.errors import ConfigurationError
from signalroom.paths import root
from signalroom.secrets import is_secret

# Set by SignalRoom for its own child processes.
INTERNAL = (
    "SIGNALROOM_SANDBOX",
    "SIGNALROOM_RUN_ID",
    "SIGNALROOM_STEP",
    "SIGNALROOM_STEP_TRY",
    "SIGNALROOM_RUN_OWNER",
)
CLOSE = 0.8  # difflib's ratio, besides the same first word
NUMBERS = (
    "PORT",
    "SIGNALROOM_CLOCK_FACTOR",
    "SIGNALROOM_HTTP_MAX_ANSWER_MB",
    "SIGNALROOM_HTTP_MAX_WAIT_S",
    "SIGNALROOM_LOCK_WAIT_S",
    "SUPABASE_DB_PORT",
)
# Domains of private networks. minio.storage may be a service of a cluster, but .storage is public,
# too: without .svc it counts as public.
PRIVATE = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".svc", ".ts.net")
PORTS = ("PORT", "SUPABASE_DB_PORT")
ADDRESS = re.compile(r"https?://[^\s/,]+[^\s,]*", re.IGNORECASE)
_MAILBOX = r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(\.[\w-]+)+"
MAILBOX = re.compile(rf"{_MAILBOX}|[^<>;,]*<{_MAILBOX}>")
PHONE = re.compile(r"\+[1-9]\d{6,14}")
SENDER = re.compile(r"\+[1-9]\d{6,14}|MG[0-9a-f]{32}|\d{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}|arn:.+")
CHANNEL_ID = re.compile(r"[A-Z][A-Z0-9]{5,}")


def check(needed: Collection[str]) -> list[Check]:
    """The faults of all variables that are set.

    `needed` are those without which a source or channel is off: a name similar to one of these is a
    fault while that one is unset, and a warning otherwise.
    """
    found: list[Check] = []
    for name in sorted(os.environ):
        if not os.environ[name].strip() or name in INTERNAL:
            continue
        plain, _, owner = name.partition("__")
        is_foreign = bool(owner) and owner not in _suffixes()
        if plain not in known() or (is_foreign and owner.upper() in _suffixes()):
            found += _near_miss(name, needed)
        elif is_foreign:
            found.append(
                Check(
                    name,
                    "warning",
                    f"{name} belongs to no client of dbt_project.yml",
                    f"The suffixes are {', '.join(_suffixes())}.",
                )
            )
        elif reason := wrong(name):
            found.append(Check(name, "fault", *reason))
        elif _is_address(plain) and is_unencrypted(os.environ[name].strip()):
            found.append(
                Check(
                    name,
                    "warning",
                    f"{name} begins with http://, so that what is sent there, keys too, can be read"
                    " on the way",
                    "Begin it with https://.",
                )
            )
    return (
        found
        + _zone()
        + [
            Check(
                name,
                "fault",
                f"{name} is in .env twice, in line {first} and with another value in line {second}",
                "Keep one of the two lines.",
            )
            for name, first, second in settings.given_twice()
        ]
    )


def _zone() -> list[Check]:
    try:
        zone = clock.zone().key
        if not clock.is_fixed_offset(zone):
            return []
    except ConfigurationError:  # which another check says
        return []
    return [
        Check(
            "SIGNALROOM_TIMEZONE",
            "warning",
            f"SIGNALROOM_TIMEZONE is {zone}, which has no daylight saving time: where people "
            "and vendors have it, its days begin an hour from theirs in summer",
            "Set it to a place, such as America/New_York.",
        )
    ]


@cache
def known() -> frozenset[str]:
    """The plain names of all variables that SignalRoom reads."""
    listed = root() / ".env.example"  # not in an image
    names = set(dotenv_values(listed)) if listed.exists() else set()
    return frozenset({*names, *settings.declared(), *settings.SHARED, *settings.SECRETS, *NUMBERS})


def broken(names: Collection[str], client_id: str) -> list[str]:
    """The variables, by the client's names, whose value cannot be valid."""
    suffix = f"__{settings.suffix(client_id)}"
    is_default = client_id == clients.default_client_id()
    candidates = [
        own if os.environ.get(own := f"{name}{suffix}", "").strip() else name
        for name in names
        if is_default or settings.is_shared(name) or os.environ.get(f"{name}{suffix}")
    ]
    return [name for name in candidates if os.environ.get(name, "").strip() and wrong(name)]


def wrong(name: str) -> tuple[str, str] | None:
    """What is wrong with the value of a set variable, and the fix; None if nothing is.

    It never includes a secret's value.
    """
    try:
        value = settings.exactly(name)
    except ConfigurationError as error:
        return str(error).rstrip("."), ""
    plain = name.partition("__")[0]
    if value[0] == value[-1] and value[0] in "\"'" and len(value) > 1:
        return f"{name} has quotes around its value", "Write the value without them."
    is_list = plain.endswith("_CHANNEL_ID")  # judged below
    if (
        plain.endswith(settings.PLAIN_TEXT)
        and not is_list
        and (found := re.search(r"\s|[;,]$", value))
    ):
        what = "a blank inside" if found[0].isspace() else f"{found[0]!r} at its end"
        return f"{name} has {what}", "Write the value alone, one variable in each line."
    for applies, judge in _KINDS:
        if applies(plain) and (reason := judge(value)):
            shown = "" if is_secret(name) or plain == "HEARTBEAT_URL" else f" ({value!r})"
            what, repair = reason
            return f"{name} {what}{shown}", repair
    return None


def _address(value: str) -> tuple[str, str] | None:
    try:
        is_address = ADDRESS.fullmatch(value) is not None and urlsplit(value).port != 0
    except ValueError:  # a port out of range, half of an IPv6 address
        is_address = False
    return None if is_address else ("is not a valid address", "Begin it with https://.")


def is_unencrypted(address: str) -> bool:
    """Whether it is an http:// address outside this machine and its private network."""
    parts = urlsplit(address)
    host = (parts.hostname or "").removesuffix(".")
    if parts.scheme.lower() != "http":
        return False
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith(PRIVATE)


def _port(value: str) -> tuple[str, str] | None:
    if value.isdecimal() and int(value) < 65_536:  # 0 means any free port
        return None
    return "is not a valid port", "Write a number up to 65535."


def _number(value: str) -> tuple[str, str] | None:
    try:
        if math.isfinite(float(value)) and float(value) >= 0:
            return None
    except ValueError:
        pass
    return "is not a valid number", "Write digits alone, such as 300."


def _listed(
    one: re.Pattern[str], what: str, example: str
) -> Callable[[str], tuple[str, str] | None]:
    def judge(value: str) -> tuple[str, str] | None:
        if ";" in value:
            return "has a semicolon", "Separate recipients by commas."
        parts = [part.strip() for part in value.split(",") if part.strip()]
        if parts and all(one.fullmatch(part) for part in parts):
            return None
        return f"is not {what}", f"Write it like {example}; several are separated by commas."

    return judge


def _is_address(name: str) -> bool:
    default = str(settings.declared().get(name, {}).get("default", ""))
    return name.endswith(("_URL", "_ENDPOINT")) or default.startswith("https://")


_KINDS: tuple[tuple[Callable[[str], bool], Callable[[str], tuple[str, str] | None]], ...] = (
    (_is_address, _address),
    (lambda name: name in PORTS, _port),
    (lambda name: name in NUMBERS, _number),
    (
        lambda name: name.endswith(("_EMAIL", "_EMAILS")),
        _listed(MAILBOX, "a valid email address", "ann@example.org"),
    ),
    (
        lambda name: name.endswith("_FROM_NUMBER"),
        _listed(SENDER, "a sender that Twilio takes", "+15550100199"),
    ),
    (
        lambda name: name.endswith("_NUMBERS"),
        _listed(PHONE, "a phone number with its country", "+15550100199"),
    ),
    (
        lambda name: name == "S3_BUCKET_NAME",
        _listed(BUCKET, "the name of a bucket", "exports"),
    ),
    (
        lambda name: name.endswith("_CHANNEL_ID"),
        _listed(CHANNEL_ID, "the id of a Slack channel", "C0123456789"),
    ),
)


@cache
def _suffixes() -> tuple[str, ...]:
    return tuple(settings.suffix(client_id) for client_id in clients.registry())


def _near_miss(name: str, needed: Collection[str]) -> Iterator[Check]:
    meant = _meant(name)
    if meant is None:
        return
    is_fault = meant.partition("__")[0] in needed and not os.environ.get(meant, "").strip()
    yield Check(
        name,
        "fault" if is_fault else "warning",
        f"{name} is set, and nothing reads it",
        f"Rename it to {meant}.",
    )


def _meant(name: str) -> str | None:
    """The variable that a name was probably meant to be; None for other programs' variables."""
    plain, _, owner = name.upper().partition("__")
    plain = re.split("[^A-Z0-9_-]", plain)[-1] or plain  # `$env:NAME` of a Windows shell
    if plain in known() and plain != name:
        return f"{plain}__{owner}" if owner else plain
    for suffix in _suffixes():  # one underscore before the client instead of two
        if plain.endswith(f"_{suffix}") and plain.removesuffix(f"_{suffix}") in known():
            return f"{plain.removesuffix(f'_{suffix}')}__{suffix}"
        if plain.startswith(f"{suffix}_") and plain.removeprefix(f"{suffix}_") in known():
            return f"{plain.removeprefix(f'{suffix}_')}__{suffix}"
    for one in known():
        if _letters(one) == _letters(plain):
            return f"{one}__{owner}" if owner else one
    found = _alike(plain)
    return f"{found}__{owner}" if found and owner else found


def _alike(plain: str) -> str | None:
    """The variable with a similar name, or with a word less; its first word may be misspelled.

    Another program's name has a different first word, or words that none of ours has.
    """
    firsts = {one.partition("_")[0] for one in known() if "_" in one}
    given, *words = plain.split("_")
    first = next(iter(difflib.get_close_matches(given, firsts, n=1, cutoff=CLOSE)), None)
    if first is None:
        return None
    alike = sorted(one for one in known() if one.partition("_")[0] == first and "_" in one)
    close = difflib.get_close_matches("_".join((first, *words)), alike, n=1, cutoff=CLOSE)
    lacking = [one for one in alike if _is_within(words, one.split("_")[1:])]
    return next(iter(close), lacking[0] if len(lacking) == 1 else None)


def _is_within(words: list[str], all_words: list[str]) -> bool:
    """Whether the words occur in that order among all of them."""
    left = iter(all_words)
    return all(word in left for word in words)


def _letters(name: str) -> str:
    return re.sub("[^A-Z0-9]", "", name)
