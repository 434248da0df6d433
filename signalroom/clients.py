"""Clients of the agency.

The registry is `vars: clients:` in dbt_project.yml, the one file that dbt and Python both read.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from signalroom import yaml_files
from signalroom.closest import did_you_mean
from signalroom.errors import ConfigurationError
from signalroom.paths import root

ID_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


@dataclass(frozen=True)
class Brand:
    """A client's brand and its Everflow advertiser."""

    name: str
    advertiser_id: int


@dataclass(frozen=True)
class Client:
    """One client; `is_default` owns the environment variables without a client's suffix.

    `maps_by_offer`: the links of RedTrack's offers map spend if the client's file has no line.
    """

    id: str
    name: str
    brands: tuple[Brand, ...]
    is_active: bool
    is_default: bool
    maps_by_offer: bool = False


@cache
def registry() -> dict[str, Client]:
    """All registered clients by id, inactive ones included.

    Raises ConfigurationError if the registry is malformed.
    """
    clients: dict[str, Client] = {}
    suffixes: dict[str, str] = {}
    for client_id, entry in _written().items():
        if not isinstance(client_id, str) or not ID_PATTERN.fullmatch(client_id):
            raise ConfigurationError(
                f"dbt_project.yml: client id {client_id!r} is malformed: quote it, and use "
                "lower-case letters, digits, - and _."
            )
        other = suffixes.setdefault(client_id.replace("-", "_"), client_id)
        if other != client_id:
            raise ConfigurationError(
                f"dbt_project.yml: clients {other} and {client_id} would share their variables "
                "(one suffix for both); rename one."
            )
        clients[client_id] = _client(client_id, entry)
    if sum(client.is_default for client in clients.values()) != 1:
        raise ConfigurationError("dbt_project.yml: exactly one client must say `default: true`.")
    return clients


def _written() -> dict[Any, Any]:
    """The registry from dbt_project.yml."""
    try:
        project = yaml_files.load((root() / "dbt_project.yml").read_text(encoding="utf-8"))
        found = project["vars"]["clients"]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigurationError(
            f"dbt_project.yml cannot be read: {' '.join(str(error).split())}."
        ) from None
    except (KeyError, TypeError):
        found = None
    if not isinstance(found, dict):
        raise ConfigurationError("dbt_project.yml has no registry: write it at `vars: clients:`.")
    return found


def _client(client_id: str, entry: Any) -> Client:
    """One entry of the registry; ConfigurationError names what is wrong with it."""
    where = f"dbt_project.yml: client {client_id}"
    if not isinstance(entry, dict):
        raise ConfigurationError(f"{where} has no entries; write name and brands.")
    if entry.get("mapping") not in (None, "offer"):
        raise ConfigurationError(
            f"{where} says `mapping: {entry['mapping']}`; only `offer` is known, and without it "
            "offers only suggest."
        )
    if not isinstance(entry.get("name"), str):
        raise ConfigurationError(f"{where} has no name, or one that is not a string: quote it.")
    for key in ("active", "default"):
        if not isinstance(entry.get(key, True), bool):
            raise ConfigurationError(f"{where} says `{key}: {entry[key]!r}`; use true or false.")
    return Client(
        id=client_id,
        name=entry["name"],
        brands=_brands(where, entry.get("brands")),
        is_active=entry.get("active", True),
        is_default=entry.get("default", False),
        maps_by_offer=entry.get("mapping") == "offer",
    )


def _brands(where: str, written: Any) -> tuple[Brand, ...]:
    if not isinstance(written, dict) or not written:
        raise ConfigurationError(f"{where} has no brands; write each as `Name: advertiser id`.")
    names: dict[int, str] = {}
    for name, number in written.items():
        if not isinstance(name, str) or not name.strip():
            raise ConfigurationError(f"{where}: brand {name!r} is not a string: quote its name.")
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise ConfigurationError(
                f"{where}: brand {name} has {number!r} as its advertiser; write Everflow's id."
            )
        if number in names:
            raise ConfigurationError(
                f"{where}: brands {names[number]} and {name} have the same advertiser ({number})."
            )
        names[number] = name
    return tuple(Brand(name, number) for number, name in names.items())


def default_client_id() -> str:
    """The client that variables without a suffix belong to."""
    return next(client.id for client in registry().values() if client.is_default)


def client(client_id: str) -> Client:
    """The active client of that id; ConfigurationError for any other."""
    if not ID_PATTERN.fullmatch(client_id):
        raise ConfigurationError(
            f"Client id {client_id!r} is malformed; several in SIGNALROOM_CLIENTS are separated by "
            "commas."
        )
    found = registry().get(client_id)
    if found is None:
        known = ", ".join(registry())
        said = did_you_mean(client_id, registry())
        raise ConfigurationError(
            f"Client {client_id!r} is unknown. {said}dbt_project.yml has: {known}."
        )
    if not found.is_active:
        raise ConfigurationError(
            f"Client {client_id!r} is inactive; set `active: true` in dbt_project.yml to run it."
        )
    return found


def active_clients(chosen: tuple[str, ...] = ()) -> list[Client]:
    """The clients to work for: the given ones, else SIGNALROOM_CLIENTS, else all active ones."""
    names = chosen or tuple(
        part.strip() for part in os.environ.get("SIGNALROOM_CLIENTS", "").split(",") if part.strip()
    )
    if names:
        return [client(name) for name in dict.fromkeys(names)]
    return [one for one in registry().values() if one.is_active]
