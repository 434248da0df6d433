"""Clients: whom the agency works for.

The registry is `vars: clients:` in dbt_project.yml, the one file that dbt and Python both read.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache

import yaml

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

    `maps_by_offer`: the links of RedTrack's offers map spend where the client's file has no line.
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

    Raises ConfigurationError when the registry is malformed.
    """
    project = yaml.safe_load((root() / "dbt_project.yml").read_text(encoding="utf-8"))
    clients: dict[str, Client] = {}
    for client_id, entry in project["vars"]["clients"].items():
        if not isinstance(client_id, str) or not ID_PATTERN.fullmatch(client_id):
            raise ConfigurationError(
                f"dbt_project.yml: client id {client_id!r} is malformed: quote it, and use "
                "lower-case letters, digits, - and _."
            )
        if entry.get("mapping") not in (None, "offer"):
            raise ConfigurationError(
                f"dbt_project.yml: client {client_id} says `mapping: {entry['mapping']}`; only "
                "`offer` is known, and without it offers only suggest."
            )
        brands = tuple(Brand(name, int(number)) for name, number in entry["brands"].items())
        clients[client_id] = Client(
            id=client_id,
            name=entry["name"],
            brands=brands,
            is_active=bool(entry.get("active", True)),
            is_default=bool(entry.get("default", False)),
            maps_by_offer=entry.get("mapping") == "offer",
        )
    if sum(client.is_default for client in clients.values()) != 1:
        raise ConfigurationError("dbt_project.yml: exactly one client must say `default: true`.")
    return clients


def default_client_id() -> str:
    """The client to whom variables without a suffix belong."""
    return next(client.id for client in registry().values() if client.is_default)


def client(client_id: str) -> Client:
    """The active client of that id; ConfigurationError for any other."""
    if not ID_PATTERN.fullmatch(client_id):
        raise ConfigurationError(f"Client id {client_id!r} is malformed.")
    found = registry().get(client_id)
    if found is None:
        known = ", ".join(registry())
        raise ConfigurationError(f"Client {client_id!r} is unknown; dbt_project.yml has: {known}.")
    if not found.is_active:
        raise ConfigurationError(
            f"Client {client_id!r} is inactive; set `active: true` in dbt_project.yml to run it."
        )
    return found


def active_clients(chosen: tuple[str, ...] = ()) -> list[Client]:
    """The clients to work for: those chosen, else SIGNALROOM_CLIENTS, else all active ones."""
    names = chosen or tuple(
        part.strip() for part in os.environ.get("SIGNALROOM_CLIENTS", "").split(",") if part.strip()
    )
    if names:
        return [client(name) for name in dict.fromkeys(names)]
    return [one for one in registry().values() if one.is_active]
