"""The bucket: lists a client's folders, and reads their files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from ingest.model import Pull
from ingest.sources.s3_exports.limits import (
    ATTEMPTS,
    CONNECT_TIMEOUT_S,
    MAX_PAGES,
    PIECE_BYTES,
    READ_TIMEOUT_S,
    ChangedError,
    UnreadableError,
)
from ingest.sources.s3_exports.settings import Place, Prefix
from signalroom.errors import AnswerError, CredentialsError, SourceError
from signalroom.logs import mask

CHANGED_CODES = {"NoSuchKey", "PreconditionFailed", "404", "412"}
DENIED_CODES = {"AccessDenied", "AllAccessDisabled", "403"}
UNAUTHORIZED_CODES = {"401", "Unauthorized"}
ARCHIVED = {"GLACIER", "DEEP_ARCHIVE"}
ARCHIVED_CODES = {"InvalidObjectState"}
REGION_CODES = {"PermanentRedirect", "AuthorizationHeaderMalformed", "301", "307"}


@dataclass(frozen=True)
class StoredFile:
    """A file in the listing; the key is relative to the bucket, the instant is UTC."""

    key: str
    etag: str
    size_bytes: int
    modified_at: datetime
    storage_class: str = "STANDARD"
    is_restored: bool = False

    @property
    def is_archived(self) -> bool:
        """Whether it must be restored before it can be read."""
        return self.storage_class in ARCHIVED and not self.is_restored


class BrokenAnswerError(Exception):
    """A response that was cut off."""


class Bucket:
    """A connection to one client's bucket; listings are not cached."""

    def __init__(self, where: Place, pull: Pull) -> None:
        from s3fs import S3FileSystem

        self.place = where
        self._s3: Any = S3FileSystem(
            key=pull.require("AWS_ACCESS_KEY_ID"),
            secret=pull.require("AWS_SECRET_ACCESS_KEY"),
            endpoint_url=where.endpoint,
            client_kwargs={"region_name": pull.variable("AWS_REGION")},
            config_kwargs={
                "connect_timeout": CONNECT_TIMEOUT_S,
                "read_timeout": READ_TIMEOUT_S,
                "retries": {"max_attempts": ATTEMPTS - 1, "mode": "standard"},
                # a custom endpoint rarely has a host name per bucket
                "s3": {"addressing_style": "path" if where.endpoint else "auto"},
            },
            session=_session(),
            use_listings_cache=False,
            skip_instance_cache=True,
        )
        self._s3.retries = 1  # botocore already retries each request

    def files(self, prefix: Prefix) -> tuple[list[StoredFile], int]:
        """Every file below the prefix, by key, and the number of requests.

        Raises CredentialsError or SourceError in one line.
        """
        found: list[StoredFile] = []
        query: dict[str, Any] = {"Bucket": self.place.bucket, "Prefix": f"{prefix.path}/"}
        query["OptionalObjectAttributes"] = ["RestoreStatus"]
        for number in range(1, MAX_PAGES + 1):
            page = self._page(query)
            found.extend(_stored(entry) for entry in page.get("Contents", ()))
            if not page.get("IsTruncated"):
                return sorted(found, key=lambda file: file.key), number
            query["ContinuationToken"] = page["NextContinuationToken"]
        raise AnswerError(
            f"s3_exports for client {self.place.client_id}: the listing of {prefix.path} in "
            f"{self.place} does not end. Nothing was read; check the endpoint."
        )

    def has_any(self, prefix: Prefix) -> bool:
        """Whether there is any file below the prefix; raises as `files` does."""
        query = {"Bucket": self.place.bucket, "Prefix": f"{prefix.path}/", "MaxKeys": 1}
        return bool(self._page(query).get("Contents"))

    def _page(self, query: dict[str, Any]) -> dict[str, Any]:
        """One page of the listing; a response that is not from S3, as from a proxy, is retried.

        botocore would read it as a listing without files.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                page: dict[str, Any] = self._s3.call_s3("list_objects_v2", **query)
            except Exception as error:
                raise self.explained(error) from None
            if "IsTruncated" in page:
                return page
            time.sleep(0.2 * 2**attempt)
        raise AnswerError(
            f"s3_exports for client {self.place.client_id}: {ATTEMPTS} responses of the bucket "
            f"{self.place} were not a listing. Nothing was read; check AWS_ENDPOINT_URL, the next "
            "run tries again."
        )

    def pieces(self, file: StoredFile) -> Iterator[bytes]:
        """The file's bytes in chunks, all from the version in the listing.

        Raises ChangedError when the file has changed since, UnreadableError where S3 does not
        return it, CredentialsError or SourceError in one line.
        """
        if file.is_archived:
            raise UnreadableError(archived(file))
        for start in range(0, file.size_bytes, PIECE_BYTES):
            end = min(start + PIECE_BYTES, file.size_bytes)
            yield self._piece(file, start, end)

    def _piece(self, file: StoredFile, start: int, end: int) -> bytes:
        from fsspec.asyn import sync

        attempt = 1
        while True:
            try:
                data: bytes = sync(self._s3.loop, self._get, file, start, end)
                return data
            except BrokenAnswerError as error:
                if attempt == ATTEMPTS:
                    raise self.explained(error, file) from None
                time.sleep(0.2 * 2**attempt)
                attempt += 1
            except Exception as error:
                code = _code(error)
                if code in CHANGED_CODES:
                    raise ChangedError(f"{file.key} has changed since it was listed") from None
                if code in ARCHIVED_CODES:
                    raise UnreadableError(archived(file)) from None
                if code in DENIED_CODES and "kms" not in str(error).lower():
                    raise UnreadableError(
                        "S3 denies reading it (s3:GetObject); allow it for AWS_ACCESS_KEY_ID"
                    ) from None
                if code in DENIED_CODES or _is_encrypted(code, error):
                    raise UnreadableError(
                        "it is encrypted with a key that may not be used; allow kms:Decrypt for "
                        "AWS_ACCESS_KEY_ID, or store it without a key of its own"
                    ) from None
                raise self.explained(error, file) from None

    async def _get(self, file: StoredFile, start: int, end: int) -> bytes:
        response = await self._s3._call_s3(
            "get_object",
            Bucket=self.place.bucket,
            Key=file.key,
            Range=f"bytes={start}-{end - 1}",
            IfMatch=f'"{file.etag}"',
        )
        try:
            async with response["Body"] as body:
                data: bytes = await body.read()
        except Exception as error:  # raised by any of three libraries, and retried by none
            raise BrokenAnswerError(str(error) or type(error).__name__) from None
        if len(data) != end - start:
            raise BrokenAnswerError(f"{len(data)} of {end - start} bytes received")
        return data

    def explained(self, error: Exception, file: StoredFile | None = None) -> SourceError:
        """The failure in one line: client, location, what to do."""
        whose = f"s3_exports for client {self.place.client_id}"
        what = f"{file.key} in {self.place}" if file else f"the bucket {self.place}"
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        text = mask(" ".join(str(reason).split()))[:200]
        if isinstance(error, PermissionError) or _code(error) in UNAUTHORIZED_CODES:
            return CredentialsError(
                f"{whose}: S3 refuses {what} ({text}). Check AWS_ACCESS_KEY_ID, "
                "AWS_SECRET_ACCESS_KEY and that they may list and read it."
            )
        if isinstance(error, FileNotFoundError):
            return AnswerError(
                f"{whose}: {what} does not exist. Check S3_BUCKET_NAME and AWS_REGION."
            )
        if _code(error) in REGION_CODES:
            return AnswerError(f"{whose}: {what} is in another region ({text}). Set AWS_REGION.")
        return SourceError(
            f"{whose}: {what} cannot be read ({text}). Check AWS_ENDPOINT_URL and the network; "
            "the next run tries again."
        )


@cache
def _session() -> Any:
    """One session for all clients: it parses S3's service model once, and holds no credentials."""
    from aiobotocore.session import AioSession  # type: ignore[import-untyped]

    return AioSession()


def archived(file: StoredFile) -> str:
    """Why an archived object cannot be read."""
    return f"it is archived ({file.storage_class}); restore it in S3"


def _stored(entry: dict[str, Any]) -> StoredFile:
    return StoredFile(
        key=entry["Key"],
        etag=entry["ETag"].strip('"'),
        size_bytes=int(entry["Size"]),
        modified_at=entry["LastModified"].astimezone(UTC),
        storage_class=entry.get("StorageClass", "STANDARD"),
        is_restored="RestoreExpiryDate" in entry.get("RestoreStatus", {}),
    )


def _is_encrypted(code: str, error: Exception) -> bool:
    """Whether the file's key may not be used, or comes with each request.

    S3 has no code for the latter: InvalidRequest has many reasons.
    """
    return code.startswith("KMS.") or (code == "InvalidRequest" and "encrypt" in str(error).lower())


def _code(error: BaseException | None) -> str:
    """S3's error code, which s3fs hides behind Python's exceptions."""
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
        error = error.__cause__
    return ""
