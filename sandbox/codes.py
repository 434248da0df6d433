"""Everflow's codes of ids in tracking links: `https://<domain>/28KL6/2CTPL/` is partner 1, offer 1.

The codes of the first ids are the documented ones; the vendor's algorithm is not known.
"""

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
_FACTOR = 7_368_787  # coprime to the modulus, so that no two ids share a code


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
