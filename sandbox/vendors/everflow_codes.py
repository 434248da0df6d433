"""Everflow's calls that turn ids into the codes of tracking links, and back."""

from flask import Flask, Response, jsonify

from sandbox.codes import KINDS, code
from sandbox.vendors.everflow_requests import BadRequestError, read_body


def add_codes(app: Flask) -> None:
    """`POST /v1/networks/encode` and `/decode` with `{"type": …, "ids": […]}`."""

    def encode() -> Response:
        kind, ids = _asked()
        if not all(isinstance(number, int) for number in ids):
            raise BadRequestError("ids must be numbers")
        return _values([(int(str(number)), code(kind, int(str(number)))) for number in ids])

    def decode() -> Response:
        kind, codes = _asked()
        return _values([(decoded(kind, str(text)), str(text)) for text in codes])

    app.add_url_rule("/v1/networks/encode", "encode", encode, methods=["POST"])
    app.add_url_rule("/v1/networks/decode", "decode", decode, methods=["POST"])


def decoded(kind: str, text: str) -> int:
    """The id of a code; BadRequestError for an unknown code."""
    for number in range(100_000):
        if code(kind, number) == text:
            return number
    raise BadRequestError(f"invalid encoded value: {text}")


def _asked() -> tuple[str, list[object]]:
    body = read_body()
    kind, ids = body.get("type"), body.get("ids")
    if kind not in KINDS:
        raise BadRequestError(f"invalid type: {kind}")
    if not isinstance(ids, list):
        raise BadRequestError("missing required field: ids")
    return str(kind), ids


def _values(pairs: list[tuple[int, str]]) -> Response:
    return jsonify({"values": [{"decoded": number, "encoded": text} for number, text in pairs]})
