"""Settings: environment variables, with defaults from `.dlt/config.toml`.

Every variable can be given for one client as `NAME__CLIENT`. The plain name belongs to the
registry's default client; another client falls back to it for shared variables only, so that no
account is loaded, and no channel addressed, for two clients.
"""

from __future__ import annotations

import math
import os
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

from dotenv import load_dotenv
from dotenv.parser import parse_stream

from signalroom.clients import default_client_id
from signalroom.errors import ConfigurationError
from signalroom.paths import root

Target = Literal["duckdb", "postgres"]
WINDOWS, MOST_DAYS = ("recent", "initial"), 3660

# Variables that clients may share, besides those declared by sources: shared access. Anything else
# identifies an account or a recipient.
SHARED = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_REGION",
        "AWS_ENDPOINT_URL",
        "S3_PREFIXES",
        "S3_PREFIX",
        "SLACK_BOT_TOKEN",
        "SLACK_BASE_URL",
        "RESEND_API_KEY",
        "RESEND_FROM_EMAIL",
        "RESEND_API_URL",
        "TWILIO_ACCOUNT_SID",
        "TWILIO_AUTH_TOKEN",
        "TWILIO_FROM_NUMBER",
        "TWILIO_BASE_URL",
        "SIGNALROOM_HASH_SALT",
    }
)
# Secrets by name; any variable with a secret's suffix (signalroom.secrets.SUFFIXES) is one too.
SECRETS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "SUPABASE_DB_PASSWORD",
    "SUPABASE_DB_REPORT_PASSWORD",
    "SLACK_BOT_TOKEN",
    "RESEND_API_KEY",
    "TWILIO_AUTH_TOKEN",
    "HEARTBEAT_URL",
    "SIGNALROOM_HASH_SALT",
    "SIGNALROOM_WEB_TOKEN",
    "SIGNALROOM_TRIGGER_TOKEN",
)


def load_env_file() -> None:
    """Read the repository's `.env`; existing environment variables take precedence.

    Raises ConfigurationError if it cannot be read, and for a line that is not `NAME=value`, which
    would be silently ignored.
    """
    path = root() / ".env"
    try:
        if path.exists() and not os.environ.get("PYTHON_DOTENV_DISABLED"):
            # first: the library would report a line with its own message
            _refuse_unread_lines(path)
        load_dotenv(path, override=False, encoding="utf-8-sig")
    except ValueError:  # another encoding: invalid, or with zero bytes between the letters
        raise ConfigurationError(
            f"{path} is not UTF-8 text: save it again with that encoding."
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None


def given_twice() -> list[tuple[str, int, int]]:
    """Variables that `.env` gives twice with different values, of which the second counts.

    A blank line of the example that is filled in further down is no first value.
    """
    path = root() / ".env"
    if not path.is_file() or os.environ.get("PYTHON_DOTENV_DISABLED"):
        return []
    seen: dict[str, tuple[str, int]] = {}
    found = []
    with path.open(encoding="utf-8-sig") as file:
        for one in parse_stream(file):
            if (
                one.key is None
                or one.value is None
                or (not one.value.strip() and one.key not in seen)
            ):
                continue
            value, line = (one.value or "").strip(), one.original.line
            if seen.setdefault(one.key, (value, line))[0] != value:
                found.append((one.key, seen[one.key][1], line))
    return found


def _refuse_unread_lines(path: Path) -> None:
    if b"\0" in path.read_bytes():
        raise ValueError("UTF-16")
    with path.open(encoding="utf-8-sig") as file:
        for one in parse_stream(file):
            is_export = one.original.string.lstrip().startswith("export ")
            if one.error or (one.key and one.value is None and not is_export):
                # not repeated here: it may be a secret
                raise ConfigurationError(
                    f"{path}, line {one.original.line}: write it as NAME=value, in one line, with "
                    "quotes at both ends of the value or at none."
                )


def forget_dlt_variables() -> None:
    """Remove variables that dlt reads on import; `ingest.dlt_pipeline` does the rest.

    DLT_DATA_DIR, where dlt keeps its own files, stays.
    """
    for name in [*os.environ]:
        if name.startswith(("DLT_", "RUNTIME__", "PROVIDERS__")) and name != "DLT_DATA_DIR":
            del os.environ[name]


def forget_postgres_variables() -> None:
    """Remove variables that libpq reads besides our own: another server, session or encoding.

    PGAPPNAME is ours, and those for certificates (PGSSL...) stay.
    """
    for name in [*os.environ]:
        if name.startswith("PG") and not name.startswith(("PGSSL", "PGAPPNAME")):
            os.environ.pop(name)


@cache
def _config() -> dict[str, dict[str, Any]]:
    path = root() / ".dlt" / "config.toml"
    try:
        with path.open("rb") as file:
            found = tomllib.load(file)["signalroom"]
        defaults, windows = found["defaults"], found["windows"]
    except (KeyError, TypeError):
        raise ConfigurationError(
            f"{path} lacks [signalroom.defaults] or [signalroom.windows]."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    for name, value in defaults.items():
        if not isinstance(value, str):
            raise ConfigurationError(f"{path}: {name} is {value!r}: write its value in quotes.")
    _refuse_bad_windows(f"{path}, signalroom.windows", windows)
    return {"defaults": defaults, "windows": windows}


def _refuse_bad_windows(where: str, windows: Mapping[str, Any]) -> None:
    """Each is a number of days; a source's own are in a table of its name."""
    from signalroom import sources

    of_sources = {name: one for name, one in windows.items() if isinstance(one, dict)}
    if unknown := sorted(of_sources.keys() - set(sources.names())):
        raise ConfigurationError(f"{where}.{unknown[0]}: there is no such source.")
    plain = {name: one for name, one in windows.items() if name not in of_sources}
    if missing := [name for name in WINDOWS if name not in plain]:
        raise ConfigurationError(f"{where} lacks {missing[0]}.")
    for days in (plain, *of_sources.values()):
        for name, value in days.items():
            if name not in WINDOWS:
                raise ConfigurationError(
                    f"{where}: {name} is unknown; use {' and '.join(WINDOWS)}."
                )
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MOST_DAYS:
                raise ConfigurationError(
                    f"{where}: {name} is {value!r}: write a number of days, 1 to {MOST_DAYS:,}."
                )


@cache
def declared() -> Mapping[str, Mapping[str, Any]]:
    """What sources declare of their variables, by name: `secret`, `shared`, `default`, `about`."""
    from signalroom import sources

    modules = [sources.declared(name) for name in sources.names()]
    return {
        name: about
        for module in modules
        for name, about in getattr(module, "VARIABLES", {}).items()
    }


def is_shared(name: str) -> bool:
    """Whether clients may share the value of that variable."""
    return name in SHARED or bool(declared().get(name, {}).get("shared"))


def variable(name: str, client_id: str | None = None) -> str | None:
    """The value of a variable for a client, or None if it is unset or blank.

    Without a client, the plain name and its default. A client's own `NAME__CLIENT` takes
    precedence.
    """
    if client_id is not None:
        own = exactly(f"{name}__{suffix(client_id)}")
        if own:
            return own
        if not is_shared(name) and client_id != default_client_id():
            return None
    default: str | None = declared().get(name, {}).get("default")
    return exactly(name) or _config()["defaults"].get(name) or default


def unset(required: Iterable[str], client_id: str) -> list[str]:
    """The variables that are not set for the client; "A or B" if both are missing."""
    return [
        names
        for names in required
        if all(variable(name, client_id) is None for name in names.split(" or "))
    ]


def suffix(client_id: str) -> str:
    """The suffix after `__` in the names of a client's own variables."""
    return re.sub("[^A-Z0-9]", "_", client_id.upper())


def own_variables(names: str, client_id: str) -> str:
    """Variables (`A`, or `A or B`) under the names for that client: with its suffix."""
    if client_id == default_client_id():
        return names
    return " or ".join(f"{one}__{suffix(client_id)}" for one in names.split(" or "))


# What a secret store or a spreadsheet adds by mistake; only a JSON key may have several lines.
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
PLAIN_TEXT = ("_KEY", "_TOKEN", "_SECRET", "_ID", "_SID", "_URL", "_HOST")


def exactly(name: str) -> str:
    """The trimmed value of exactly that variable, checked for impossible values.

    Raises ConfigurationError that names the variable and never shows its value.
    """
    value = os.environ.get(name, "").strip()
    plain = name.split("__", 1)[0]
    if plain.endswith("_PATH") and value.startswith("{"):
        instead = plain.removesuffix("_PATH") + "_JSON"
        raise ConfigurationError(
            f"{name} holds a key, not the path of a file: put the key into {instead}."
        )
    if not plain.endswith("_JSON") and (found := CONTROL.search(value)):
        what = "a line break" if found[0] in "\r\n" else f"the control character {found[0]!r}"
        raise ConfigurationError(f"{name} has {what} inside: write its value in one line.")
    if plain.endswith(PLAIN_TEXT) and not value.isascii():
        mark = next(mark for mark in value if not mark.isascii())
        raise ConfigurationError(
            f"{name} contains {unicodedata.name(mark, 'an unknown character').lower()} "
            f"(U+{ord(mark):04X}), which no key or address has: copy it again, without quotes."
        )
    return value


def require(name: str, client_id: str | None = None) -> str:
    """Like `variable`, but an unset one is a ConfigurationError that names it."""
    value = variable(name, client_id)
    if value is None:
        whose = f" for client {client_id}" if client_id else ""
        raise ConfigurationError(
            f"{name} is not set{whose}: put it into .env or the environment (see .env.example)."
        )
    return value


def number(name: str) -> float:
    """The value of a variable that holds a number from 0 on; ConfigurationError for any other."""
    value = require(name)
    with suppress(ValueError):
        if 0 <= (found := float(value)) < math.inf:
            return found
    raise ConfigurationError(f"{name} is {value!r}: write it as a number, 0 or more.")


def port(name: str) -> str:
    """The value of a variable that holds a port; ConfigurationError for any other."""
    value = require(name)
    if not (value.isascii() and value.isdigit() and 0 < int(value) < 65_536):
        raise ConfigurationError(f"{name} is {value!r}: write a number up to 65535.")
    return value


def window_days(name: str, source: str = "") -> int:
    """Days that the named pull covers, including today; a source may have its own number."""
    windows: dict[str, Any] = _config()["windows"]
    return int({**windows, **windows.get(source, {})}[name])


def target() -> Target:
    """The warehouse in use, `duckdb` or `postgres`."""
    value = require("SIGNALROOM_TARGET")
    if value not in ("duckdb", "postgres"):
        raise ConfigurationError(f"SIGNALROOM_TARGET is {value!r}: set it to duckdb or postgres.")
    return cast("Target", value)


def schema_prefix() -> str:
    """Prefix of the schemas that dbt builds: empty, or an analyst's own such as `ana_`."""
    prefix = os.environ.get("SIGNALROOM_SCHEMA_PREFIX", "").strip()
    if prefix and not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", prefix):
        raise ConfigurationError(
            f"SIGNALROOM_SCHEMA_PREFIX is {prefix!r}: use lower-case letters, digits and _ only."
        )
    return prefix


def user_agent() -> str:
    """The User-Agent of requests; SIGNALROOM_CONTACT gives vendors a contact."""
    contact = variable("SIGNALROOM_CONTACT")
    # a header holds ASCII alone
    plain = contact and contact.encode("ascii", "replace").decode()
    return f"SignalRoom ({plain})" if plain else "SignalRoom"


NOT_FOR_REPORTS = ("anon", "authenticated", "service_role", "authenticator", "postgres", "public")


def report_role() -> str:
    """The role that reports read as; ConfigurationError for one that others use too."""
    name = require("SIGNALROOM_REPORT_ROLE")
    if name.lower() in NOT_FOR_REPORTS or name == variable("SUPABASE_DB_USER"):
        raise ConfigurationError(
            f"SIGNALROOM_REPORT_ROLE is {name}, which is not a role of the reports' own: every "
            "mart would be open to all who act as it. Use a name of its own (signalroom_report); "
            "`signalroom db setup` creates it."
        )
    return name


def report_login() -> str | None:
    """The reports' own login, if any; ConfigurationError if it is the owner's."""
    name = variable("SUPABASE_DB_REPORT_USER")
    if name and name == variable("SUPABASE_DB_USER"):
        raise ConfigurationError(
            f"SUPABASE_DB_REPORT_USER is {name}, as SUPABASE_DB_USER is: the owner sees the rows "
            "of every client. Use a login of its own; `signalroom db setup` creates it."
        )
    return name
