"""Everflow: its tables' columns, with the vendor's field and the type of each."""

from ingest.columns import (
    COUNT_TYPE,
    DATE_TYPE,
    FLAG_TYPE,
    INSTANT_TYPE,
    MONEY_TYPE,
    TEXT_TYPE,
    Field,
    Fields,
    columns_of,
)

# column of everflow.daily_stats -> Everflow's metric and the column's type
METRICS = Fields(
    {
        "imp": Field("imp", COUNT_TYPE),
        "clicks": Field("total_click", COUNT_TYPE),
        "unique_clicks": Field("unique_click", COUNT_TYPE),
        "invalid_clicks": Field("invalid_click", COUNT_TYPE),
        "duplicate_clicks": Field("duplicate_click", COUNT_TYPE),
        "gross_clicks": Field("gross_click", COUNT_TYPE),
        "conversions": Field("cv", COUNT_TYPE),
        "total_conversions": Field("total_cv", COUNT_TYPE),
        "view_through_conversions": Field("view_through_cv", COUNT_TYPE),
        "scrubbed_conversions": Field("invalid_cv_scrub", COUNT_TYPE),
        "events": Field("event", COUNT_TYPE),
        "revenue": Field("revenue", MONEY_TYPE),
        "payout": Field("payout", MONEY_TYPE),
        "event_revenue": Field("event_revenue", MONEY_TYPE),
        "gross_sales": Field("gross_sales", MONEY_TYPE),
    }
)
# Measures that can be computed from others are not kept; any additional measure is, as text.
DERIVED = frozenset(
    {
        *("ctr", "cvr", "evr", "cpc", "cpm", "cpa", "epc"),
        *("rpc", "rpa", "rpm", "margin", "roas", "avg_sale_value", "profit"),
    }
)
CLIENT_COLUMN = {"_client_id": {**TEXT_TYPE, "nullable": False}}
COLUMNS = {
    **CLIENT_COLUMN,
    "date": DATE_TYPE,
    "affiliate_id": COUNT_TYPE,
    "affiliate_label": TEXT_TYPE,
    "advertiser_id": COUNT_TYPE,
    "advertiser_label": TEXT_TYPE,
    **columns_of(METRICS),
    "profit": MONEY_TYPE,
}
CONTROLLED = ("clicks", "conversions", "revenue", "payout")

# Ids of affiliate, advertiser and offer are only under `relationship`.
RELATED = Fields(
    {
        "affiliate_id": Field("relationship.affiliate.network_affiliate_id", COUNT_TYPE),
        "affiliate_label": Field("relationship.affiliate.name", TEXT_TYPE),
        "advertiser_id": Field("relationship.advertiser.network_advertiser_id", COUNT_TYPE),
        "advertiser_label": Field("relationship.advertiser.name", TEXT_TYPE),
        "offer_id": Field("relationship.offer.network_offer_id", COUNT_TYPE),
        "offer_label": Field("relationship.offer.name", TEXT_TYPE),
    }
)
SUBS = ("source_id", *(f"sub{number}" for number in range(1, 6)))
ADVS = tuple(f"adv{number}" for number in range(1, 6))
_VISITOR = (
    "country", "region", "city", "dma", "carrier", "isp", "platform", "os_version", "device_type",
    "device_model", "brand", "browser", "language", "http_user_agent", "referer", "url",
)  # fmt: skip

CONVERSION_FIELDS = Fields(
    {
        "conversion_id": Field("conversion_id", TEXT_TYPE),
        "transaction_id": Field("transaction_id", TEXT_TYPE),
        "conversion_at": Field("conversion_unix_timestamp", INSTANT_TYPE),
        "click_at": Field("click_unix_timestamp", INSTANT_TYPE),
        "status": Field("status", TEXT_TYPE),
        "event": Field("event", TEXT_TYPE),
        **{name: Field(name, FLAG_TYPE) for name in ("is_event", "is_scrub", "is_view_through")},
        **RELATED,
        **{name: Field(name, TEXT_TYPE) for name in ("payout_type", "revenue_type")},
        **{name: Field(name, MONEY_TYPE) for name in ("payout", "revenue", "sale_amount")},
        "currency_id": Field("currency_id", TEXT_TYPE),
        **{name: Field(name, TEXT_TYPE) for name in (*SUBS, *ADVS)},
        **{name: Field(name, TEXT_TYPE) for name in ("order_id", "coupon_code", "email", "app_id")},
        **{name: Field(name, TEXT_TYPE) for name in ("session_user_ip", "conversion_user_ip")},
        **{name: Field(name, TEXT_TYPE) for name in _VISITOR},
        "notes": Field("notes", TEXT_TYPE),
        "attribution_method": Field("relationship.attribution_method", TEXT_TYPE),
        "error_code": Field("error_code", COUNT_TYPE),
        "error_message": Field("error_message", TEXT_TYPE),
        "previous_network_offer_id": Field("previous_network_offer_id", COUNT_TYPE),
        "network_offer_payout_revenue_id": Field("network_offer_payout_revenue_id", COUNT_TYPE),
    }
)
CONVERSION_COLUMNS = {**CLIENT_COLUMN, "date": DATE_TYPE, **columns_of(CONVERSION_FIELDS)}
CONVERSION_CONTROLLED = ("payout", "revenue", "sale_amount")

_PLACE = "relationship.geolocation"
_DEVICE = "relationship.device_information"
CLICK_FIELDS = Fields(
    {
        "transaction_id": Field("transaction_id", TEXT_TYPE),
        "click_at": Field("unix_timestamp", INSTANT_TYPE),
        **{
            name: Field(name, FLAG_TYPE) for name in ("is_unique", "has_conversion", "is_test_mode")
        },
        **RELATED,
        **{name: Field(name, TEXT_TYPE) for name in ("payout_type", "revenue_type")},
        **{name: Field(name, MONEY_TYPE) for name in ("payout", "revenue")},
        **{name: Field(name, TEXT_TYPE) for name in SUBS},
        **{name: Field(name, TEXT_TYPE) for name in ("tracking_url", "referer", "url", "user_ip")},
        "country": Field(f"{_PLACE}.country_name", TEXT_TYPE),
        "region": Field(f"{_PLACE}.region_name", TEXT_TYPE),
        "city": Field(f"{_PLACE}.city_name", TEXT_TYPE),
        "platform": Field(f"{_DEVICE}.platform_name", TEXT_TYPE),
        "device_type": Field(f"{_DEVICE}.device_type", TEXT_TYPE),
        "browser": Field(f"{_DEVICE}.browser_name", TEXT_TYPE),
        "error_code": Field("error_code", COUNT_TYPE),
        "error_message": Field("error_message", TEXT_TYPE),
    }
)
CLICK_COLUMNS = {**CLIENT_COLUMN, "date": DATE_TYPE, **columns_of(CLICK_FIELDS)}
CLICK_CONTROLLED = ("payout", "revenue")

ADJUSTMENT_FIELDS = Fields(
    {
        "network_reporting_adjustment_id": Field("network_reporting_adjustment_id", COUNT_TYPE),
        "affiliate_id": Field("network_affiliate_id", COUNT_TYPE),
        "offer_id": Field("network_offer_id", COUNT_TYPE),
        "clicks": Field("total_clicks", COUNT_TYPE),
        **{
            name: Field(name, COUNT_TYPE)
            for name in ("unique_clicks", "conversions", "impressions")
        },
        **{
            name: Field(name, MONEY_TYPE)
            for name in ("payout", "revenue", "gross_sales", "media_buying_cost")
        },
        "notes": Field("notes", TEXT_TYPE),
        "time_created": Field("time_created", INSTANT_TYPE),
        "time_saved": Field("time_saved", INSTANT_TYPE),
        "deleted": Field("deleted", FLAG_TYPE),
    }
)
ADJUSTMENT_COLUMNS = {**CLIENT_COLUMN, "date": DATE_TYPE, **columns_of(ADJUSTMENT_FIELDS)}
ADJUSTMENT_CONTROLLED = ("conversions", "payout", "revenue")

# The codes of affiliates and offers in tracking links; `kind` is `affiliate` or `offer`.
CODE_COLUMNS = {**CLIENT_COLUMN, "kind": TEXT_TYPE, "id": COUNT_TYPE, "code": TEXT_TYPE}

_TIMES = {name: Field(name, INSTANT_TYPE) for name in ("time_created", "time_saved")}
# table -> its fields, the first being the id; the vendor's own names
LISTS = {
    "affiliates": Fields(
        {
            "network_affiliate_id": Field("network_affiliate_id", COUNT_TYPE),
            "network_id": Field("network_id", COUNT_TYPE),
            "name": Field("name", TEXT_TYPE),
            "account_status": Field("account_status", TEXT_TYPE),
            "network_employee_id": Field("network_employee_id", COUNT_TYPE),
            "default_currency_id": Field("default_currency_id", TEXT_TYPE),
            **_TIMES,
        }
    ),
    "advertisers": Fields(
        {
            "network_advertiser_id": Field("network_advertiser_id", COUNT_TYPE),
            "network_id": Field("network_id", COUNT_TYPE),
            "name": Field("name", TEXT_TYPE),
            "account_status": Field("account_status", TEXT_TYPE),
            "default_currency_id": Field("default_currency_id", TEXT_TYPE),
            **_TIMES,
        }
    ),
    "offers": Fields(
        {
            "network_offer_id": Field("network_offer_id", COUNT_TYPE),
            "network_advertiser_id": Field("network_advertiser_id", COUNT_TYPE),
            "name": Field("name", TEXT_TYPE),
            "offer_status": Field("offer_status", TEXT_TYPE),
            "currency_id": Field("currency_id", TEXT_TYPE),
            "date_live_until": Field("date_live_until", TEXT_TYPE),
            **_TIMES,
        }
    ),
}
