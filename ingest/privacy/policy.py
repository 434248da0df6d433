"""Personal data on its way in: which columns are kept, hashed or dropped (data/privacy.yml)."""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, StrictStr, ValidationError

from signalroom import clients, yaml_files
from signalroom.errors import ConfigurationError
from signalroom.paths import home, root
from signalroom.settings import target, variable
from signalroom.warehouse import Execute

Action = Literal["keep", "hash", "drop"]
FILE = "data/privacy.yml"


class Rule(BaseModel):
    """The action for columns that match a pattern."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    columns: tuple[StrictStr, ...]
    action: Action

    def names(self, column: str) -> bool:
        """Whether the rule matches the column."""
        return _names(column, self.columns)


Rules = tuple[Rule, ...]


class PrivacyFile(BaseModel):
    """data/privacy.yml; tables are named `<source>.<table>`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cards: tuple[StrictStr, ...]
    everywhere: Rules
    tables: dict[StrictStr, Rules]
    clients: dict[StrictStr, dict[StrictStr, Rules]]
    identifiers: tuple[StrictStr, ...]


@dataclass(frozen=True)
class Policy:
    """The rules for one table of one client; the first that matches a column decides."""

    client_id: str
    cards: tuple[str, ...]
    identifiers: tuple[str, ...]
    rules: Rules

    def action(self, column: str) -> Action:
        """The action for a column; card data is always dropped."""
        if self.is_card(column):
            return "drop"
        return next((rule.action for rule in self.rules if rule.names(column)), "keep")

    def is_kept_by_name(self, column: str) -> bool:
        """Whether a rule keeps the column unchanged, email addresses included."""
        if self.is_card(column):
            return False
        return next((rule.action for rule in self.rules if rule.names(column)), None) == "keep"

    @property
    def hashes(self) -> bool:
        """Whether any column can be hashed, so that a salt is needed."""
        return any(rule.action == "hash" for rule in self.rules)

    def is_card(self, column: str) -> bool:
        """Whether the column's name says that it holds card data."""
        return _names(column, self.cards)

    def is_identifier(self, column: str) -> bool:
        """Whether the column is declared to hold long identifiers."""
        return _matches(column, self.identifiers)


def policy(source: str, table: str, client_id: str) -> Policy:
    """The policy of a table for a client; ConfigurationError where the file is malformed."""
    check_tables(source)
    rules = rules_file()
    name = f"{source}.{table}"
    own = rules.clients.get(client_id, {}).get(name, ())
    return Policy(
        client_id=client_id,
        cards=rules.cards,
        identifiers=rules.identifiers,
        rules=(*own, *rules.tables.get(name, ()), *rules.everywhere),
    )


_forgotten: set[str] = set()  # hashes that no load brings back (ingest.privacy.forgotten)


def load_forgotten(execute: Execute) -> None:
    """Have this process's hashers return null for the people in `ops.forgotten`."""
    found = {row["hash"] for row in execute("select hash from ops.forgotten")}
    # in this order: another thread may be hashing
    _forgotten.update(found)
    _forgotten.intersection_update(found)


@dataclass
class Hasher:
    """Salted sha256 of personal data, in hex; spellings of the same value get the same hash."""

    salt: bytes
    _known: dict[str | None, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._salted = hashlib.sha256(self.salt)

    def digest(self, value: str) -> str:
        """The hash of one value, also of a person who asked to be forgotten."""
        salted = self._salted.copy()  # faster than a new one for each value
        salted.update(value.strip().lower().encode())
        return salted.hexdigest()

    def hash(self, value: str) -> str | None:
        """The hash of one value; None for a person who asked to be forgotten."""
        found = self.digest(value)
        return None if found in _forgotten else found

    def hash_all(self, values: Iterable[str | None]) -> list[str | None]:
        """The hashes of many values; null stays null."""
        known = self._known
        # billing and delivery values are mostly the same: worth a small cache
        if len(known) > 25_000:
            known.clear()
        known[None] = None
        hashes: list[str | None] = []
        for value in values:
            if value not in known:
                known[value] = self.hash(value)  # type: ignore[arg-type]
            hashes.append(known[value])
        return hashes


def salt(client_id: str) -> bytes:
    """The salt for hashes:

    SIGNALROOM_HASH_SALT; if unset on DuckDB, a random one in SIGNALROOM_HOME.

    Raises ConfigurationError if it is unset on PostgreSQL: all machines that load a warehouse need
    the same salt.
    """
    given = variable("SIGNALROOM_HASH_SALT", client_id)
    if given is not None:
        return given.encode()
    if target() == "postgres":
        raise ConfigurationError(
            "SIGNALROOM_HASH_SALT is not set: personal data is hashed with it, so choose a long "
            "random text once and keep it (see .env.example)."
        )
    path = home() / "hash_salt"
    if not path.exists():
        _write_salt(path)
    return path.read_bytes()


def _write_salt(path: Path) -> None:
    """Write a random salt that only its owner can read; with two processes the first one wins."""
    handle, name = tempfile.mkstemp(prefix=path.name, dir=path.parent)  # with mode 0600
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(32))
    try:
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()


@cache
def rules_file() -> PrivacyFile:
    """The parsed rules; ConfigurationError names the file and the key of a mistake."""
    try:
        content = yaml_files.load((root() / FILE).read_text(encoding="utf-8"))
        return PrivacyFile.model_validate(content)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigurationError(f"{FILE} cannot be read: {reason}.") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{FILE}: {' '.join(str(error).split())}.") from error
    except ValidationError as error:
        mistakes = "; ".join(_mistake(one) for one in error.errors()[:3])
        raise ConfigurationError(f"{FILE}: {mistakes}.") from error


def _mistake(error: Any) -> str:
    """One mistake as `key.in.the.file: what is wrong`."""
    key = ".".join(str(part) for part in error["loc"]) or "the file"
    text = str(error["msg"])
    if error["type"] == "extra_forbidden":
        text = "is unknown here; remove it or correct its spelling"
    elif error["type"] == "missing":
        text = "is missing"
    return f"{key}: {text[:1].lower()}{text[1:]}"


def check_tables(only: str | None = None) -> None:
    """Raise ConfigurationError for rules about a source, table or client that does not exist.

    Such a rule would protect nothing. With `only`, just the tables of that source are checked.
    Table names that come from clients' settings cannot be checked while no client has any.
    """
    from ingest import registry

    rules, known = rules_file(), clients.registry()
    named = [(name, f"tables.{name}", tuple(known)) for name in rules.tables]
    for client_id, tables in rules.clients.items():
        if client_id not in known:
            raise ConfigurationError(
                f"{FILE}: clients.{client_id}: there is no such client; dbt_project.yml has "
                f"{', '.join(known)}."
            )
        named += [(name, f"clients.{client_id}.{name}", (client_id,)) for name in tables]
    for name, key, whose in named:
        source, _, table = name.partition(".")
        if source not in registry.NAMES:
            raise ConfigurationError(
                f"{FILE}: {key}: there is no such source; there are {', '.join(registry.NAMES)}."
            )
        if only in (None, source):
            there = registry.tables_of(source, whose)
            if there and table not in there:
                raise ConfigurationError(
                    f"{FILE}: {key} matches no table; {source} has {', '.join(sorted(there))}."
                )


def _names(column: str, patterns: tuple[str, ...]) -> bool:
    """Whether a pattern matches the column, also without what dlt makes of marks at its ends.

    "(Name)", "Name*" and "\u59d3\u540d Name" become `_namex`, `namex` and `_name`.
    """
    return _matches(column, patterns) or _matches(column.strip("_x"), patterns)


@lru_cache(maxsize=20_000)  # every file looks up every column again
def _matches(column: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(column, pattern) for pattern in patterns)
