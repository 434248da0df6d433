"""Everflow's codes of ids in tracking links: `https://<domain>/28KL6/2CTPL/` is partner 1, offer 1.

The codes of the first ids are the documented ones; how the vendor makes them is not known.
"""

from flask import Flask, Response, jsonify

from sandbox.vendors.everflow_requests import BadRequestError, read_body

KINDS = ("tracking_link_affiliate", "tracking_link_offer", "smart_link_affiliate",
         "smart_link_smart_link", "signup_affiliate_employee", "signup_advertiser_employee",
         "signup_affiliate_affiliate")  # fmt: skip
_DOCUMENTED = {
    ("tracking_link_affiliate", 1): "28KL6",
    ("tracking_link_affiliate", 2): "3J67C",
    ("tracking_link_affiliate", 3): "4RQSJ",
    ("tracking_link_offer", 1): "2CTPL",
}
_DIGITS = "123456789ABCDEFGHJKLMNPQRSTWXZ"
_MODULUS = len(_DIGITS) ** 5
_FACTOR = 7_368_787  # no factor in common with the modulus, so that no two ids share a code


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


def code(kind: str, number: int) -> str:
    """The code of an id, five letters and digits."""
    if (kind, number) in _DOCUMENTED:
        return _DOCUMENTED[kind, number]
    rest = (number * _FACTOR + KINDS.index(kind) * 104_729) % _MODULUS
    text = ""
    for _ in range(5):
        rest, digit = divmod(rest, len(_DIGITS))
        text += _DIGITS[digit]
    return text


def decoded(kind: str, text: str) -> int:
    """The id behind a code; BadRequestError for a code that stands for none."""
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
