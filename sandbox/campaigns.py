"""RedTrack's campaigns and offers: where a source's clicks were sent, and what that cost.

A source has one campaign or two; a campaign sends its clicks to one offer or two. An offer's target
URL has Everflow's ids in one of the forms of tracking links.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING, NamedTuple

from sandbox.mapping import MappingRow, fold

if TYPE_CHECKING:
    from sandbox.cast import Profile

CENT = Decimal("0.01")
REST_EVERY = 4  # on one day in this many a source costs more than its campaigns
REST_SHARE = Decimal("0.03")


class Offer(NamedTuple):
    """One offer at RedTrack. The ids are Everflow's; None if the URL has none."""

    offer_id: str
    title: str
    affiliate_id: int | None
    everflow_offer_id: int | None
    form: str  # "encoded" path, "parameters", "encrypted", or "none"


class Campaign(NamedTuple):
    campaign_id: str
    title: str
    source_id: str
    source_name: str
    serial_number: int
    status: int  # 1 active, 2 paused
    offers: tuple[Offer, ...]
    weight: Decimal  # its share of the source
    first_day: date | None = None
    last_day: date | None = None

    def runs_on(self, day: date) -> bool:
        return (self.first_day is None or self.first_day <= day) and (
            self.last_day is None or day <= self.last_day
        )


class Leaf(NamedTuple):
    """One campaign and one of its offers; `weight` is its share of the source, 1 in total."""

    campaign: Campaign
    offer: Offer
    weight: Decimal


def campaigns_of(profile: "Profile") -> tuple[Campaign, ...]:
    """Every campaign, by source; the first of each source has the source's own number."""
    by_source = {row.source_id: row for row in profile.mapping}
    found = []
    for number, source in enumerate(profile.sources):
        offers = _offers(profile, number, source.source_id, by_source.get(source.source_id))
        status = 2 if number % 7 == 6 else 1
        has_second = number % 3 == 0
        found.append(
            Campaign(
                f"{source.source_id[:-4]}{number:04x}", f"{source.name.strip()} US",
                source.source_id, source.name, number, status, offers,
                Decimal("0.7") if has_second else Decimal(1),
            )
        )  # fmt: skip
        if has_second:
            found.append(
                Campaign(
                    f"{source.source_id[:-4]}{number + 0x800:04x}",
                    f"{source.name.strip()} Retarget", source.source_id, source.name,
                    number + 500, status, offers[:1], Decimal("0.3"),
                )
            )  # fmt: skip
    return tuple(found)


def _offers(
    profile: "Profile", number: int, source_id: str, row: MappingRow | None
) -> tuple[Offer, ...]:
    affiliate, advertiser = _behind(profile, source_id, row)
    form = ("encoded", "parameters")[number % 2]
    if affiliate is None or advertiser is None:
        affiliate, form = None, ("encrypted", "none")[number // 2 % 2]
    ids = [offer for offer, _ in profile.advertiser(advertiser or 0).offers] if advertiser else []
    names = dict(profile.advertiser(advertiser).offers) if advertiser else {}
    prefix = f"{source_id[:-8]}0ffe"
    # every fifth source splits its clicks between two offers
    wanted: list[int | None] = [*ids[: 2 if number % 5 == 0 else 1]] or [None]
    return tuple(
        Offer(
            f"{prefix}{number:02x}{place:02x}",
            names.get(offer, f"Landing {number}") if offer else f"Landing {number}",
            affiliate, offer, form,
        )
        for place, offer in enumerate(wanted)
    )  # fmt: skip


def _behind(
    profile: "Profile", source_id: str, row: MappingRow | None
) -> tuple[int | None, int | None]:
    """Everflow's affiliate and advertiser that the source's links name."""
    if source_id in profile.links:
        return profile.links[source_id]
    if row is None or row.label is None or row.advertiser_id is None:
        return None, None
    affiliates = [
        one.affiliate_id
        for one in profile.affiliates
        if (fold(one.label), one.advertiser_id) == (fold(row.label), row.advertiser_id)
    ]
    return (affiliates[0], row.advertiser_id) if affiliates else (None, None)


def leaves(campaigns: Mapping[str, tuple[Campaign, ...]], source_id: str, day: date) -> list[Leaf]:
    """Campaigns and offers that the source's clicks of that day went through."""
    running = [row for row in campaigns.get(source_id, ()) if row.runs_on(day)]
    whole = sum((row.weight for row in running), Decimal(0))
    return [
        Leaf(campaign, offer, campaign.weight / whole / len(campaign.offers))
        for campaign in running
        for offer in campaign.offers
    ]


def rest_of(cost: Decimal, source_id: str, day: date) -> Decimal:
    """The cost of the source outside its campaigns, set on the source only."""
    has_rest = (day.toordinal() + int(source_id[-2:], 16)) % REST_EVERY == 0
    return (cost * REST_SHARE).quantize(CENT, ROUND_DOWN) if has_rest else Decimal(0)


def parts(total: Decimal, found: list[Leaf]) -> Iterator[Decimal]:
    """The amount by campaign and offer, in cents; the last has the remainder."""
    left = total
    for leaf in found[:-1]:
        part = (total * leaf.weight).quantize(CENT, ROUND_DOWN)
        left -= part
        yield part
    yield left


def count_parts(total: int, found: list[Leaf]) -> Iterator[int]:
    left = total
    for leaf in found[:-1]:
        part = int(total * leaf.weight)
        left -= part
        yield part
    yield left
