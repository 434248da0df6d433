"""Slack's files: requested, uploaded, completed, and processed a little later."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Response, g, jsonify, request

from sandbox.stage import Stage
from sandbox.vendors.slack_blocks import SlackError


@dataclass
class File:
    name: str
    length: int
    body: bytes = b""
    completed_at: float | None = None  # on the real clock


class Files:
    def __init__(self, stage: Stage, number: Iterator[int]) -> None:
        self._stage = stage
        self._number = number
        self._known: dict[str, File] = {}

    def ask(self, base_url: str) -> Response:
        """`files.getUploadURLExternal`"""
        name, length = str(g.arguments.get("filename", "")), str(g.arguments.get("length", ""))
        if not name or not length.isdigit() or int(length) == 0:
            raise SlackError("missing_argument")
        file_id = f"F0{next(self._number):08d}"
        self._known[file_id] = File(name, int(length))
        return jsonify(ok=True, upload_url=f"{base_url}/upload/{file_id}", file_id=file_id)

    def take(self, file_id: str) -> Response:
        """The bytes, posted to the given URL."""
        file = self._known.get(file_id)
        if file is None:
            return Response("not found", 404)
        file.body = request.get_data() or next(iter(request.files.values())).read()
        return Response(f"OK - {len(file.body)}", 200, content_type="text/plain")

    def complete(self, rows: object) -> list[tuple[str, bytes]]:
        """Name and bytes of the files that `files.completeUploadExternal` names."""
        if not isinstance(rows, list) or not rows:
            raise SlackError("invalid_arguments")
        if any(row.get("id") not in self._known for row in rows):
            raise SlackError("file_not_found")
        files = [self._known[row["id"]] for row in rows]
        if any(len(file.body) != file.length for file in files):
            raise SlackError("file_update_failed")
        for file in files:
            file.completed_at = time.monotonic()
        return [(file.name, file.body) for file in files]

    def info(self) -> Response:
        """`files.info`: without `mimetype` until the file is processed."""
        file_id = str(g.arguments.get("file", ""))
        file = self._known.get(file_id)
        if file is None or file.completed_at is None:
            raise SlackError("file_not_found")
        ready = self.is_ready(file_id)
        return jsonify(
            ok=True,
            file={"id": file_id, "name": file.name, "size": file.length,
                  "mimetype": "image/png" if ready else "",
                  "filetype": "png" if ready else ""},
        )  # fmt: skip

    def is_ready(self, file_id: str) -> bool:
        file = self._known.get(file_id)
        if file is None or file.completed_at is None:
            return False
        return time.monotonic() - file.completed_at >= self._stage.quirks.slack_file_delay_s

    def check(self, blocks: object) -> None:
        """Refuse a message with a picture that does not exist, or is not processed yet."""
        for place, block in enumerate(blocks if isinstance(blocks, list) else []):
            file: Any = block.get("slack_file") if isinstance(block, dict) else None
            if isinstance(file, dict) and "id" in file and not self.is_ready(str(file["id"])):
                raise SlackError(
                    "invalid_blocks",
                    [f"[ERROR] invalid slack file [json-pointer:/blocks/{place}/slack_file]"],
                )
