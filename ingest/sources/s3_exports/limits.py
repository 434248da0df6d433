"""S3 exports: limits, columns, and why a file is not loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingest.columns import COUNT_TYPE, DATE_TYPE, TEXT_TYPE


class NotLoadedError(Exception):
    """A file that is left out of this load."""


class WaitingError(NotLoadedError):
    """The file is empty or cut off: the rest may still arrive."""


class RefusedError(NotLoadedError):
    """The file is complete, but cannot be loaded."""


class UnreadableError(NotLoadedError):
    """S3 does not return the object: it is archived, or the key may not read it."""


class ChangedError(NotLoadedError):
    """The file was replaced between the listing and the reading."""


class AbnormalError(Exception):
    """The fast reader found something that only the tolerant one can handle."""


# Time limit and retries of a request before a file counts as unreadable.
CONNECT_TIMEOUT_S = 10
READ_TIMEOUT_S = 20
ATTEMPTS = 4
PIECE_BYTES = 8 << 20  # size of one request; held in memory during a download
# Of files, as stored, that are loaded together; DuckDB writes its last block again in each load.
PART_BYTES = {"postgres": 128 << 20, "duckdb": 1 << 30}
MAX_PAGES = 10_000  # pages of 1,000 names each
UNREACHABLE_FILES = 3  # after this many in a row, the rest of the listing waits for the next run

# Hostile or broken files are stopped here, long before memory or disk runs out.
MAX_STORED_BYTES = 1 << 30
MAX_EXPANDED_BYTES = 10 << 30
MAX_RATIO = 200
RATIO_FROM_BYTES = 16 << 20  # small files of repeated rows compress a lot, and are harmless
MAX_ROWS = 5_000_000
MAX_COLUMNS = 2_000
TABLE_COLUMNS = 1_590  # PostgreSQL's limit is 1,600; a few are left for analysts
ROW_BYTES = 8_000  # a PostgreSQL page holds 8,160 bytes that cannot be stored out of line
WIDE_FROM = 300  # columns; narrower rows always fit
MAX_CELL_BYTES = 1 << 20
MAX_RECORD_BYTES = 8 << 20
# with at least this many columns, a line with as many commas is a row, not a sentence
TELLING_WIDTH = 10

# Rejected rows: past the share or the number the whole file is refused.
MAX_REJECTED = 1_000
MAX_REJECTED_SHARE = 0.01
FEW_REJECTED = 5  # allowed in a file too small for a share to be meaningful

LIMITS = (
    *(MAX_STORED_BYTES, MAX_EXPANDED_BYTES, MAX_RATIO, MAX_ROWS, MAX_COLUMNS, MAX_CELL_BYTES),
    *(MAX_RECORD_BYTES, MAX_REJECTED, MAX_REJECTED_SHARE, FEW_REJECTED),
)

SAY_EVERY_S = 5.0
BLOCK_BYTES = 2 << 20  # Arrow's block size; larger is slightly faster, but takes much memory
HELD_BYTES = 20 << 20  # size of rows in memory before they are written; small files share one write
TOLERANT_BATCH_ROWS = 5_000

META_COLUMNS: dict[str, Mapping[str, Any]] = {
    "_client_id": {**TEXT_TYPE, "nullable": False},
    "_file_name": {**TEXT_TYPE, "nullable": False},
    "_row_id": COUNT_TYPE,
    "_file_date": DATE_TYPE,
}

# The export's header, normalized, in the file's order (the same for creates and updates).
_ORDERS = """
    orders_id created_by billing_fname billing_lname billing_street_address billing_suburb
    billing_city billing_state billing_postcode billing_country billing_phone billing_email
    delivery_fname delivery_lname delivery_street_address delivery_suburb delivery_city
    delivery_state delivery_postcode delivery_country delivery_phone delivery_email
    shipping_method shipping_desc shipping_group shipping_group_code shipping_price
    shipping_weight delivery_confirm signature_confirm non_taxable_amount taxable_amount tax_pct
    tax_amount total_amount order_date order_time tracking_num campaign_id customers_id
    customer_creation_date prospects_id cc_num_masked cc_expires gateway_id gateway_alias
    processing_percent reserve_percent transaction_fee chargeback_fee descriptor
    customer_service_number ip_address order_status decline_reason cascade_flag orig_gateway
    cascade_reason shipped_date fraud_flag fraud_date chargeback_flag chargeback_date
    chargeback_user rma_flag rma_number rma_reason rma_date rma_user return_flag return_reason
    is_recurring recurring_date retry_date installments transaction_id auth_id retrying
    retry_attempt hold_date void_flag void_amount void_date void_user refund_flag refund_amount
    refund_date refund_user afid sid affid c1 c2 c3 bid aid opt rebill_discount rebill_depth
    parent_order_id products_id product_name product_attributes shippable_flag product_price
    product_sku product_category products_description products_quantity declared_value
    order_confirmed order_confirmed_date recurring_prod_id recurring_prod_name acquisition_date
    blacklisted_flag ancestor_id decline_salvage_discount salvage_discount_pct is_test_cc
    cancelled_flag notes billing_model_id fulfillment_number click_id retries_left hold_type_id
    offer_id processor_id
"""
ORDER_COLUMNS = tuple(_ORDERS.split())
KNOWN_COLUMNS = {"orders_create": ORDER_COLUMNS, "orders_update": ORDER_COLUMNS}
# Without these an order cannot be identified, dated or counted.
REQUIRED_COLUMNS = dict.fromkeys(
    KNOWN_COLUMNS, ("orders_id", "order_date", "order_status", "total_amount")
)
PROSPECT_IDS = ("prospects_id", "prospect_id")
