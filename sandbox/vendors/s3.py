"""S3 by moto, filled with the exports as simulated time passes."""

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import create_backend_app
from moto.s3.models import S3Backend, s3_backends
from werkzeug.wrappers import Response

from sandbox.orders.delivery import Delivery, standing
from sandbox.stage import Stage, per_client

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

REGION = "us-east-1"
KEYS = {"713": "AKIASANDBOX0000000713", "cti": "AKIASANDBOX0000000CTI"}  # pragma: allowlist secret
SECRETS = {"713": "sandbox-s3-secret-713", "cti": "sandbox-s3-secret-cti"}
DeliveriesOf = Callable[[str], list[Delivery]]


class S3:
    """S3's vendor; moto's store is shared by all agencies of a process.

    So a bucket name that is already in use gets the port as a suffix.
    """

    name = "s3"

    def __init__(self, stage: Stage, deliveries: DeliveriesOf) -> None:
        self._stage = stage
        self._deliveries = deliveries
        self._lock = threading.Lock()
        self._moto = create_backend_app("s3")
        self._standing: dict[tuple[str, str], Delivery] = {}
        self._synced_at: int | None = None
        self.buckets: dict[str, str] = {}

    def environment(self, base_url: str) -> dict[str, str]:
        return {
            **per_client("AWS_ACCESS_KEY_ID", KEYS),
            **per_client("AWS_SECRET_ACCESS_KEY", SECRETS),
            **per_client("AWS_REGION", dict.fromkeys(KEYS, REGION)),
            **per_client("AWS_ENDPOINT_URL", dict.fromkeys(KEYS, base_url)),
            **per_client("S3_BUCKET_NAME", self.buckets),
        }

    def app(self, base_url: str) -> "WSGIApplication":
        port = base_url.rpartition(":")[2]
        for client in KEYS:
            name = f"signalroom-exports-{client}"
            taken = name in _backend().buckets
            self.buckets[client] = f"{name}-{port}" if taken else name
            _backend().create_bucket(self.buckets[client], REGION)
        return self._serve

    def close(self) -> None:
        for bucket in self.buckets.values():
            for key in list(_backend().get_bucket(bucket).keys):
                _backend().delete_object(bucket, key)
            _backend().delete_bucket(bucket)
        self.buckets = {}

    def put(self, client: str, key: str, body: bytes, at: datetime | None = None) -> None:
        """Plant a custom file; it stays until `delete`."""
        moment = at or self._stage.moment()
        stored = _backend().put_object(self.buckets[client], key, body)
        stored.last_modified = moment.astimezone(UTC).replace(tzinfo=None, microsecond=0)

    def delete(self, client: str, key: str) -> None:
        _backend().delete_object(self.buckets[client], key)

    def files(self, client: str) -> dict[str, bytes]:
        """The current contents of a client's bucket: the bytes of each key."""
        self.sync()
        found = _backend().buckets[self.buckets[client]].keys
        return {key: bytes(found[key].value) for key in list(found)}

    def sync(self) -> None:
        """Update the buckets to the simulated now: files are added, changed and reverted."""
        with self._lock:
            now = self._stage.now()
            if self._synced_at is not None and 0 <= now - self._synced_at <= self._grace():
                return
            wanted = {
                (client, key): delivery
                for client in KEYS
                for key, delivery in standing(self._deliveries(client), now).items()
            }
            for client, key in self._standing.keys() - wanted.keys():
                self.delete(client, key)
            for (client, key), delivery in wanted.items():
                if self._standing.get((client, key)) is not delivery:
                    moment = datetime.fromtimestamp(delivery.visible_at, UTC)
                    self.put(client, key, delivery.body(), moment)
            self._standing, self._synced_at = wanted, now

    def _grace(self) -> int:
        """Simulated seconds that a listing may be outdated: none while the calendar is held."""
        return int(max(30.0, self._stage.calendar.speed)) if self._stage.calendar.speed else 0

    def _serve(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        refusal = self._refusal(environ)
        if refusal is not None:
            return refusal(environ, start_response)
        self.sync()
        return self._moto(environ, start_response)

    def _refusal(self, environ: "WSGIEnvironment") -> Response | None:
        """moto accepts any key; the agency's account does not."""
        authorization = environ.get("HTTP_AUTHORIZATION", "")
        key = authorization.partition("Credential=")[2].partition("/")[0]
        client = next((name for name, known in KEYS.items() if known == key), None)
        if client is None:
            return _error("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist")
        bucket, _, key = environ.get("PATH_INFO", "").lstrip("/").partition("/")
        prefix = key or parse_qs(environ.get("QUERY_STRING", "")).get("prefix", [""])[0]
        if prefix.startswith(tuple(self._stage.quirks.s3_denied_prefixes)):
            return _error("AccessDenied", "Access Denied")
        if bucket in self.buckets.values() and bucket != self.buckets[client]:
            return _error("AccessDenied", "Access Denied")
        return None


def _backend() -> S3Backend:
    partition: Any = s3_backends[DEFAULT_ACCOUNT_ID]
    backend: S3Backend = partition["aws"]
    return backend


def _error(code: str, message: str) -> Response:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    )
    return Response(body, 403, content_type="application/xml")
