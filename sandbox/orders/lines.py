"""Cells of the exports: one line per product of an order, one per prospect."""

from datetime import datetime
from decimal import Decimal

from sandbox.clock import BUSINESS_ZONE
from sandbox.orders.book import Order
from sandbox.orders.header import ORDERS, PROSPECTS
from sandbox.orders.snapshot import Snapshot

_PLACE = {name: number for number, name in enumerate(ORDERS)}
_FIRST = ("Ann", "Bob", "María", "Dwayne", "Li", "Sam", "Zoë", "Kate")
_LAST = ("Miller", "O'Brien", "Smith, Jr.", "Nguyen", "García", 'Lee "Bud"', "Brown", "Katz")
_STREETS = ("12 Oak St", "400 Main St, Apt 4", "PO Box 9", "77 Elm Ave #2")
_CITIES = {"MA": "Boston", "NJ": "Newark", "TX": "Austin", "FL": "Tampa", "PR": "San Juan"}
# several begin with zeros that must survive
_POSTCODES = {"MA": "02139", "NJ": "07102", "CT": "06103", "PR": "00901"}
_NOTES = (
    "",
    "",
    "",
    'Called, asked "when does it ship?"',
    "Line one\nline two, with a comma",
    "gift\r\nno receipt",
)


def _default_line() -> list[str]:
    line = [""] * len(ORDERS)
    for name, value in {
        "created_by": "API", "billing_country": "US", "delivery_country": "US",
        "shipping_method": "Digital", "shipping_desc": "Digital delivery",
        "shipping_price": "0.00", "shipping_weight": "0", "tax_pct": "0.00", "tax_amount": "0.00",
        "gateway_id": "12", "gateway_alias": "Main MID", "processing_percent": "3.5",
        "reserve_percent": "5", "transaction_fee": "0.35", "chargeback_fee": "25",
        "descriptor": "SR*ONLINE", "customer_service_number": "8005550100",
        "hold_date": "0000-00-00 00:00:00", "products_quantity": "1", "installments": "0",
        "billing_model_id": "2", "Retries Left": "0", "Processor ID": "3",
    }.items():  # fmt: skip
        line[_PLACE[name]] = value
    return line


_DEFAULT = _default_line()


def order_lines(state: Snapshot, terse_flags: bool) -> list[list[str]]:
    """A line per product; everything but the product belongs to the order and is on each line."""
    order = state.order
    yes, no = ("1", "") if terse_flags else ("YES", "NO")
    cells = _person(order)
    placed = datetime.fromtimestamp(order.placed_at, BUSINESS_ZONE)
    total = _money(order.total)
    cells |= {
        "orders_id": str(order.order_id),
        "non_taxable_amount": total, "taxable_amount": "0.00", "total_amount": total,
        "order_date": placed.strftime("%m/%d/%Y"), "order_time": placed.strftime("%I:%M %p"),
        "campaign_id": str(order.campaign_id),
        "customer_creation_date": placed.strftime("%m/%d/%Y"),
        "acquisition_date": placed.strftime("%m/%d/%Y"),
        "order_status": state.status, "decline_reason": order.decline_reason,
        "cascade_flag": no, "fraud_flag": no, "rma_flag": no, "return_flag": no,
        "blacklisted_flag": no, "cancelled_flag": no, "shippable_flag": no,
        "retrying": no, "order_confirmed": yes,
        "shipped_date": _date(state.shipped_at),
        "chargeback_flag": yes if state.chargeback_at else no,
        "chargeback_date": _date(state.chargeback_at),
        "is_recurring": yes if order.luck % 6 == 0 else no,
        "void_flag": yes if state.voided_at else no,
        "void_amount": _money(state.void_amount), "void_date": _date(state.voided_at),
        "refund_flag": yes if state.refunded_at else no,
        "refund_amount": _money(state.refund_amount), "refund_date": _date(state.refunded_at),
        "affid": "" if order.affiliate_id is None else str(order.affiliate_id),
        "rebill_depth": str(order.depth),
        "parent_order_id": "" if order.parent_id is None else str(order.parent_id),
        "ancestor_id": str(order.ancestor_id),
        "is_test_cc": yes if order.is_test else no,
        "product_category": order.category, "Offer ID": str(order.campaign_id * 10),
        "Click ID": "" if order.affiliate_id is None else f"{order.luck:08x}c{order.order_id}",
    }  # fmt: skip
    base = list(_DEFAULT)
    for name, value in cells.items():
        base[_PLACE[name]] = value
    lines = []
    for product in order.products:
        line = list(base)
        line[_PLACE["products_id"]] = str(product.product_id)
        line[_PLACE["product_name"]] = line[_PLACE["products_description"]] = product.name
        line[_PLACE["product_sku"]] = product.sku
        line[_PLACE["product_price"]] = _money(product.price)
        lines.append(line)
    return lines


def _person(order: Order) -> dict[str, str]:
    luck = order.luck
    first, last = _FIRST[luck % 8], _LAST[luck // 8 % 8]
    address = {
        "fname": first, "lname": last, "street_address": _STREETS[luck // 64 % 4],
        "city": _CITIES.get(order.state, "Springfield"), "state": order.state,
        "postcode": _POSTCODES.get(order.state, f"{10001 + luck % 80000}"),
        "phone": f"0{2025550100 + luck % 100}", "email": f"buyer{luck % 99991}@example.org",
    }  # fmt: skip
    cells = {f"{kind}_{name}": value for kind in ("billing", "delivery")
             for name, value in address.items()}  # fmt: skip
    return cells | {
        "customers_id": str(100_000 + luck % 99_991), "prospects_id": prospect_id(order),
        "cc_num_masked": f"4111XXXXXXXX{luck % 10000:04d}", "cc_expires": "0927",
        "ip_address": f"203.0.113.{luck % 250}", "notes": _NOTES[luck // 256 % 6],
        "transaction_id": f"tx-{luck:08x}", "auth_id": f"A{luck % 99991:05d}",
    }  # fmt: skip


def prospect_id(order: Order) -> str:
    """The shop's id of the person who submitted an address."""
    return str(order.luck % 9_999_991)


def prospect_line(order: Order, terse_flags: bool) -> list[str]:
    """A prospect is someone who submitted an address; every second one ordered."""
    person = _person(order)
    placed = datetime.fromtimestamp(order.placed_at - 300, BUSINESS_ZONE)
    converted = order.luck % 2 == 0
    yes, no = ("1", "") if terse_flags else ("YES", "NO")
    cells = {
        "prospects_id": person["prospects_id"], "campaign_id": str(order.campaign_id),
        "first_name": person["billing_fname"], "last_name": person["billing_lname"],
        "address": person["billing_street_address"], "city": person["billing_city"],
        "state": order.state, "zip": person["billing_postcode"], "country": "US",
        "phone": person["billing_phone"], "email": person["billing_email"],
        "ip_address": person["ip_address"], "prospect_date": placed.strftime("%m/%d/%Y"),
        "prospect_time": placed.strftime("%I:%M %p"),
        "affid": "" if order.affiliate_id is None else str(order.affiliate_id),
        "converted_flag": yes if converted else no,
        "orders_id": str(order.order_id) if converted else "", "notes": person["notes"],
        "Click ID": f"{order.luck:08x}p",
    }  # fmt: skip
    return [cells.get(name, "") for name in PROSPECTS]


def _money(amount: Decimal) -> str:
    return f"{amount:.2f}"


def _date(at: int | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, BUSINESS_ZONE).strftime("%m/%d/%Y")
