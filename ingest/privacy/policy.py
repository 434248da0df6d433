"""Personal data on its way in: which columns are kept, hashed or dropped (data/privacy.yml)."""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import yaml

from signalroom.errors import ConfigurationError
from signalroom.paths import home, root
from signalroom.settings import target, variable

if TYPE_CHECKING:
    from collections.abc import Sequence

Action = Literal["keep", "hash", "drop"]
FILE = "data/privacy.yml"
ACTIONS = ("keep", "hash", "drop")


@dataclass(frozen=True)
class Rule:
    """What happens to the columns that match a pattern."""

    patterns: tuple[str, ...]
    action: Action

    def names(self, column: str) -> bool:
        """Whether the rule is about the column."""
        return _matches(column, self.patterns)


@dataclass(frozen=True)
class Policy:
    """The rules for one table of one client; the first that names a column decides."""

    client_id: str
    cards: tuple[str, ...]
    identifiers: tuple[str, ...]
    rules: tuple[Rule, ...]

    def action(self, column: str) -> Action:
        """What happens to a column; card data is always dropped."""
        if self.is_card(column):
            return "drop"
        return next((rule.action for rule in self.rules if rule.names(column)), "keep")

    @property
    def hashes(self) -> bool:
        """Whether any column can be hashed, so that a salt is needed."""
        return any(rule.action == "hash" for rule in self.rules)

    def is_card(self, column: str) -> bool:
        """Whether the column holds card data by its name."""
        return _matches(column, self.cards)

    def is_identifier(self, column: str) -> bool:
        """Whether long numbers are usual in the column."""
        return _matches(column, self.identifiers)

    def apply(self, row: Mapping[str, Any], hasher: Hasher | None = None) -> dict[str, Any]:
        """A row without what is dropped and with what is hashed; values are text or None."""
        kept: dict[str, Any] = {}
        for column, value in row.items():
            action = self.action(column)
            if action == "keep":
                kept[column] = value
            elif action == "hash":
                hasher = hasher or Hasher(salt(self.client_id))
                kept[column] = None if value is None else hasher.hash(str(value))
        return kept


def policy(source: str, table: str, client_id: str) -> Policy:
    """The policy of a table for a client; ConfigurationError where the file is malformed."""
    rules = rules_file()
    name = f"{source}.{table}"
    own = rules.clients.get(client_id, {}).get(name, ())
    return Policy(
        client_id=client_id,
        cards=rules.cards,
        identifiers=rules.identifiers,
        rules=(*own, *rules.tables.get(name, ()), *rules.everywhere),
    )


@dataclass
class Hasher:
    """Salted sha256 of personal data, in hex; equal values, however spelled, stay equal."""

    salt: bytes
    _known: dict[str, str] = field(default_factory=dict)

    def hash(self, value: str) -> str:
        """The hash of one value."""
        return hashlib.sha256(self.salt + value.strip().lower().encode()).hexdigest()

    def hash_all(self, values: Iterable[str | None]) -> list[str | None]:
        """The hashes of many values; null stays null."""
        known = self._known
        if len(known) > 100_000:  # billing and delivery are mostly alike: worth a little memory
            known.clear()
        hashes: list[str | None] = []
        for value in values:
            if value is None:
                hashes.append(None)
                continue
            found = known.get(value)
            if found is None:
                found = known[value] = self.hash(value)
            hashes.append(found)
        return hashes


def salt(client_id: str) -> bytes:
    """The salt of hashes: SIGNALROOM_HASH_SALT, on DuckDB else a random one kept at home.

    Raises ConfigurationError where it is unset on PostgreSQL: a warehouse that several machines
    load needs the same salt on all of them.
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
    """Write a random salt that only its owner can read; the first of two processes wins."""
    handle, name = tempfile.mkstemp(prefix=path.name, dir=path.parent)  # with mode 0600
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(32))
    try:
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()


@dataclass(frozen=True)
class _File:
    cards: tuple[str, ...]
    identifiers: tuple[str, ...]
    everywhere: tuple[Rule, ...]
    tables: Mapping[str, tuple[Rule, ...]]
    clients: Mapping[str, Mapping[str, tuple[Rule, ...]]]


@cache
def rules_file() -> _File:
    """The rules as written; ConfigurationError where they are malformed."""
    try:
        content = yaml.safe_load((root() / FILE).read_text(encoding="utf-8"))
        return _File(
            cards=_patterns(content["cards"], "cards"),
            identifiers=_patterns(content["identifiers"], "identifiers"),
            everywhere=_rules(content["everywhere"], "everywhere"),
            tables=_tables(content["tables"], "tables"),
            clients={
                name: _tables(tables, f"clients.{name}")
                for name, tables in content["clients"].items()
            },
        )
    except OSError as error:
        raise ConfigurationError(f"{FILE} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"{FILE} is malformed: {reason}.") from error


def _tables(content: Mapping[str, Any], where: str) -> dict[str, tuple[Rule, ...]]:
    return {name: _rules(rules, f"{where}.{name}") for name, rules in content.items()}


def _rules(content: Sequence[Mapping[str, Any]], where: str) -> tuple[Rule, ...]:
    for entry in content:
        if entry["action"] not in ACTIONS:
            raise ConfigurationError(
                f"{FILE}, {where}: action {entry['action']!r} is unknown; there are "
                f"{', '.join(ACTIONS)}."
            )
    return tuple(
        Rule(_patterns(entry["columns"], where), cast("Action", entry["action"]))
        for entry in content
    )


def _patterns(content: Sequence[str], where: str) -> tuple[str, ...]:
    if isinstance(content, str) or not all(isinstance(one, str) for one in content):
        raise ConfigurationError(f"{FILE}, {where}: columns must be a list of names.")
    return tuple(content)


@lru_cache(maxsize=20_000)  # every file asks for every column again
def _matches(column: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(column, pattern) for pattern in patterns)
