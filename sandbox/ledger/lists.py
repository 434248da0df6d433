"""The vendors' current lists."""

from datetime import date

from sandbox.cast import Profile
from sandbox.codes import code
from sandbox.ledger.rows import Row


def affiliates(profile: Profile) -> list[Row]:
    """`everflow.affiliates`: one row per id, for all advertisers."""
    names: dict[int, str] = {}
    for affiliate in profile.affiliates:
        names.setdefault(affiliate.affiliate_id, affiliate.label)
    return [
        {"_client_id": profile.client, "network_affiliate_id": number, "name": name,
         "account_status": "active"}
        for number, name in names.items()
    ]  # fmt: skip


def advertisers(profile: Profile) -> list[Row]:
    """`everflow.advertisers`"""
    return [
        {"_client_id": profile.client, "network_advertiser_id": row.advertiser_id,
         "name": row.label, "account_status": "active"}
        for row in profile.advertisers
    ]  # fmt: skip


def offers(profile: Profile) -> list[Row]:
    """`everflow.offers`"""
    return [
        {"_client_id": profile.client, "network_offer_id": number,
         "network_advertiser_id": row.advertiser_id, "name": name, "offer_status": "active"}
        for row in profile.advertisers
        for number, name in row.offers
    ]  # fmt: skip


def tracking_codes(profile: Profile) -> list[Row]:
    """`everflow.tracking_codes`: a code for each affiliate and offer."""
    ids = {
        "affiliate": [row["network_affiliate_id"] for row in affiliates(profile)],
        "offer": [row["network_offer_id"] for row in offers(profile)],
    }
    return [
        {"_client_id": profile.client, "kind": kind, "id": number,
         "code": code(f"tracking_link_{kind}", int(str(number)))}
        for kind, numbers in ids.items()
        for number in numbers
    ]  # fmt: skip


def campaigns(profile: Profile, today: date) -> list[Row]:
    """`redtrack.campaigns`: one or two for each source, every seventh source's paused (2)."""
    return [
        {"_client_id": profile.client, "id": row.campaign_id, "title": row.title,
         "source_id": row.source_id, "serial_number": row.serial_number, "status": str(row.status)}
        for row in profile.campaigns_on(today)
    ]  # fmt: skip


def redtrack_offers(profile: Profile) -> list[Row]:
    """`redtrack.offers`, with the Everflow ids in the URL, None if it has none."""
    offers = {offer.offer_id: (row, offer) for row in profile.campaigns for offer in row.offers}
    return [
        {"_client_id": profile.client, "id": number, "title": offer.title,
         "source_id": campaign.source_id, "form": offer.form, "affiliate_id": offer.affiliate_id,
         "everflow_offer_id": offer.everflow_offer_id}
        for number, (campaign, offer) in offers.items()
    ]  # fmt: skip


def sources(profile: Profile) -> list[Row]:
    """`redtrack.sources`"""
    return [
        {"_client_id": profile.client, "id": source.source_id, "title": source.name,
         "alias": source.alias, "status": "active"}
        for source in profile.sources
    ]  # fmt: skip
