"""Everflow's manual adjustments: in every total, but not among conversions."""

from flask import Flask, Response, g, jsonify, request

from sandbox.clock import days_between
from sandbox.events import Adjustment, DayLog
from sandbox.stage import Stage
from sandbox.vendors.everflow_requests import BadRequestError, day_of, empty
from sandbox.vendors.everflow_table import number


def add_adjustments(app: Flask, stage: Stage) -> None:
    """`GET /v1/networks/reportingadjustments?from=…&to=…`, network days, both included."""

    def view() -> Response:
        for name in ("from", "to"):
            if not request.args.get(name):
                raise BadRequestError(f"missing required field: {name}")
        start, end = day_of(request.args["from"], "from"), day_of(request.args["to"], "to")
        rows = [
            _shown(log, row)
            for log in (stage.world.day(g.profile.client, day) for day in days_between(start, end))
            for row in log.adjustments
            if row.known_at <= stage.now()
        ]
        return jsonify({"adjustments": empty(rows, stage.quirks)})

    app.add_url_rule("/v1/networks/reportingadjustments", "adjustments", view)


def _shown(log: DayLog, row: Adjustment) -> dict[str, object]:
    return {
        "network_reporting_adjustment_id": row.adjustment_id, "network_id": 1,
        "network_affiliate_id": row.affiliate_id, "network_offer_id": row.offer_id,
        "network_employee_id": 3, "total_clicks": row.clicks, "unique_clicks": row.clicks,
        "conversions": row.conversions, "payout": number(row.payout),
        "revenue": number(row.revenue), "date_adjustment": log.day.isoformat(),
        "notes": row.notes, "gross_sales": 0, "impressions": 0, "media_buying_cost": 0,
        "time_created": row.known_at, "time_saved": row.known_at, "deleted": False,
        "relationship": {"snapshot": None},
    }  # fmt: skip
