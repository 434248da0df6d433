"""RedTrack's campaigns and conversions after a complete pull."""

from datetime import UTC, datetime

from sandbox.campaigns import count_parts, leaves, parts, rest_of
from sandbox.cast import Profile
from sandbox.events import DayLog
from sandbox.ledger.rows import Row, count, daily_spend, money
from sandbox.tracked import tracked_of


def campaign_spend(log: DayLog, profile: Profile, now: int) -> list[Row]:
    """`redtrack.campaign_spend` of one business day.

    Costs may not add up to the source's: a cost set only on the source is in no campaign.
    """
    found: list[Row] = []
    for row in daily_spend(log, now):
        source, cost = str(row["source_id"]), money(row["cost"])
        split = leaves(profile.campaigns_by_source, source, log.day)
        costs = list(parts(cost - rest_of(cost, source, log.day), split)) if split else []
        counts = {
            name: list(count_parts(count(row[name]), split)) if split else []
            for name in ("clicks", "conversions", "total_conversions")
        }
        for place, leaf in enumerate(split):
            own = {name: values[place] for name, values in counts.items()}
            if own["clicks"] or costs[place]:
                found.append(
                    {
                        "_client_id": log.client,
                        "date": log.day,
                        "source_id": source,
                        "campaign_id": leaf.campaign.campaign_id,
                        "campaign_name": leaf.campaign.title,
                        "offer_id": leaf.offer.offer_id,
                        "offer_name": leaf.offer.title,
                        **own,
                        "cost": costs[place],
                    }
                )
    return found


def redtrack_conversions(log: DayLog, profile: Profile, now: int) -> list[Row]:
    """`redtrack.conversions` of one business day, by the time of the conversion."""
    return [
        {
            "_client_id": log.client,
            "date": log.day,
            "id": row.conversion_id,
            "conv_time": datetime.fromtimestamp(row.at, UTC),
            "source_id": row.source_id,
            "campaign_id": row.leaf.campaign.campaign_id if row.leaf else None,
            "offer_id": row.leaf.offer.offer_id if row.leaf else None,
            "type": row.type,
            "is_default_type": row.type == "Purchase",
            "payout": row.payout,
        }
        for row in tracked_of(log, profile.campaigns_by_source, now)
    ]
