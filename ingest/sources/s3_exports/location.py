"""The place of a client's exports: endpoint, bucket, prefixes, from its settings."""

from __future__ import annotations

from dataclasses import dataclass

from ingest.sources.s3_exports.settings import DEFAULT_PREFIXES, REQUIRED
from signalroom import clients
from signalroom.errors import ConfigurationError
from signalroom.settings import require, variable


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
        """What tells this place from another client's."""
        paths = ",".join(sorted(prefix.path for prefix in self.prefixes))
        return f"{(self.endpoint or 'aws').lower()}/{self.bucket}/{paths}"


def place(client_id: str) -> Place:
    """The client's place, from its settings; ConfigurationError where they contradict."""
    endpoint = (variable("AWS_ENDPOINT_URL", client_id) or "").rstrip("/") or None
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise ConfigurationError(
            f"AWS_ENDPOINT_URL of client {client_id} is {endpoint!r}: begin it with https://."
        )
    return Place(client_id, endpoint, require("S3_BUCKET_NAME", client_id), _prefixes(client_id))


def _prefixes(client_id: str) -> tuple[Prefix, ...]:
    given = variable("S3_PREFIXES", client_id) or DEFAULT_PREFIXES
    if given == DEFAULT_PREFIXES:  # unset, or as .env.example has it: the old name counts
        given = variable("S3_PREFIX", client_id) or given
    paths = [part.strip().strip("/") for part in given.split(",")]
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
    from dlt.common.normalizers.naming.snake_case import NamingConvention

    table: str = NamingConvention(63).normalize_identifier(path.rsplit("/", 1)[-1])
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
