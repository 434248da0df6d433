"""S3 exports: its variables, and which folders of which bucket become which tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from signalroom import clients
from signalroom.errors import ConfigurationError
from signalroom.settings import require, variable

TITLE = "S3 exports"
DEFAULT_PREFIXES = "orders-create,orders-update,prospects-create"
VARIABLES: Mapping[str, Mapping[str, object]] = {
    "AWS_ACCESS_KEY_ID": {"secret": True, "shared": True, "about": "access key"},
    "AWS_SECRET_ACCESS_KEY": {"secret": True, "shared": True, "about": "its secret"},
    "AWS_REGION": {"shared": True, "default": "us-east-1", "about": "region of the bucket"},
    "AWS_ENDPOINT_URL": {
        "shared": True,
        "about": "address of an S3-compatible store; empty: AWS itself",
    },
    "S3_BUCKET_NAME": {"about": "bucket with the exports"},
    "S3_PREFIXES": {
        "shared": True,
        "default": DEFAULT_PREFIXES,
        "about": "folders to read, comma separated; each becomes a table",
    },
    "S3_PREFIX": {"shared": True, "about": "a single folder; the older name of S3_PREFIXES"},
}
REQUIRED = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "S3_BUCKET_NAME")
# A client's prefixes determine its tables; these are the default ones.
TABLES = {"orders_create": "file", "orders_update": "file", "prospects_create": "file"}
PLAIN_NAME = re.compile("(?=.{1,63}$)[a-z][a-z0-9]*([-_][a-z0-9]+)*")


@dataclass(frozen=True)
class Prefix:
    """A folder of the bucket, without slashes at its ends, and the raw table it fills."""

    path: str
    table: str


@dataclass(frozen=True)
class Place:
    """Where a client's exports are."""

    client_id: str
    endpoint: str | None
    bucket: str
    prefixes: tuple[Prefix, ...]

    def __str__(self) -> str:
        return f"{self.bucket} at {self.endpoint or 'AWS'}"

    @property
    def account(self) -> str:
        """What distinguishes this location from another client's."""
        paths = ",".join(sorted(prefix.path for prefix in self.prefixes))
        return f"{(self.endpoint or 'aws').lower()}/{self.bucket}/{paths}"


def place(client_id: str, given: Mapping[str, str] = MappingProxyType({})) -> Place:
    """The client's location, from its settings; ConfigurationError if they contradict each other.

    `given` are variables that override the environment.
    """

    def value(name: str) -> str | None:
        return given.get(name) or variable(name, client_id)

    endpoint = (value("AWS_ENDPOINT_URL") or "").rstrip("/") or None
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise ConfigurationError(
            f"AWS_ENDPOINT_URL of client {client_id} is {endpoint!r}: begin it with https://."
        )
    bucket = given.get("S3_BUCKET_NAME") or require("S3_BUCKET_NAME", client_id)
    prefixes = given.get("S3_PREFIXES") or _prefix_names(client_id)
    return Place(client_id, endpoint, bucket, _prefixes(client_id, prefixes))


def _prefix_names(client_id: str) -> str:
    given = variable("S3_PREFIXES", client_id) or DEFAULT_PREFIXES
    if given == DEFAULT_PREFIXES:  # empty, as in a copied .env.example
        given = variable("S3_PREFIX", client_id) or given  # the older name
    return given


def _prefixes(client_id: str, given: str) -> tuple[Prefix, ...]:
    paths = [part.strip().strip("/") for part in given.split(",")]
    if wrong := next((path for path in paths if re.search(r"[;|*?\\'\"]|://", path)), None):
        raise ConfigurationError(
            f"S3_PREFIXES of client {client_id}: {wrong} is not a folder of the bucket. Write "
            "folders alone, separated by commas, such as orders-create,orders-update."
        )
    found: dict[str, Prefix] = {}
    for path in dict.fromkeys(path for path in paths if path):
        prefix = Prefix(path, _table(client_id, path))
        if prefix.table in found:
            raise ConfigurationError(
                f"S3_PREFIXES of client {client_id}: {found[prefix.table].path} and {path} would "
                f"both fill the table {prefix.table}. Keep one of them."
            )
        found[prefix.table] = prefix
    if not found:
        raise ConfigurationError(
            f"S3_PREFIXES of client {client_id} names no prefix: set it to {DEFAULT_PREFIXES}."
        )
    for inner in found.values():
        for outer in found.values():
            if inner.path.startswith(f"{outer.path}/"):
                raise ConfigurationError(
                    f"S3_PREFIXES of client {client_id}: {inner.path} lies within {outer.path}, "
                    "its files would be loaded twice. Keep one of them."
                )
    return tuple(found.values())


def _table(client_id: str, path: str) -> str:
    name = path.rsplit("/", 1)[-1]
    if PLAIN_NAME.fullmatch(name):  # the usual case; dlt takes a second to import
        return name.replace("-", "_")
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    table: str = NamingConvention(63).normalize_identifier(name)
    if table.startswith("_dlt") or not table.strip("_"):
        raise ConfigurationError(
            f"S3_PREFIXES of client {client_id}: {path} gives no usable table name."
        )
    return table


def refuse_shared_prefixes(own: Place) -> None:
    """Raise ConfigurationError where another active client reads the same folder."""
    for other in clients.active_clients():
        if other.id == own.client_id or any(variable(n, other.id) is None for n in REQUIRED):
            continue
        theirs = place(other.id)
        if (theirs.endpoint, theirs.bucket) != (own.endpoint, own.bucket):
            continue
        for mine in own.prefixes:
            for prefix in theirs.prefixes:
                if f"{mine.path}/".startswith(f"{prefix.path}/") or f"{prefix.path}/".startswith(
                    f"{mine.path}/"
                ):
                    raise ConfigurationError(
                        f"s3_exports: clients {own.client_id} and {other.id} both read "
                        f"{own.bucket}/{mine.path}; its rows would be loaded under two tags. "
                        f"Give {other.id} a bucket or S3_PREFIXES of its own."
                    )


def client_tables(client_id: str) -> tuple[str, ...]:
    """The tables of a client: one for each of its prefixes."""
    return tuple(one.table for one in _prefixes(client_id, _prefix_names(client_id)))


def account(client_id: str) -> str:
    """What identifies the account: endpoint, bucket and folders."""
    return place(client_id).account
