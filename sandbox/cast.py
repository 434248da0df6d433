"""The agency's brands, affiliates and traffic sources.

Internal affiliates and mapped sources come from the client's own file, so that editing that file
changes the simulated agency too; external affiliates and unmapped sources are invented here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property

from sandbox.campaigns import Campaign, campaigns_of
from sandbox.errors import SandboxError
from sandbox.mapping import MappingRow, fold, read_mapping


@dataclass(frozen=True)
class Advertiser:
    advertiser_id: int
    label: str
    offers: tuple[tuple[int, str], ...]
    revenue: Decimal  # per conversion
    sale: Decimal  # what the customer pays


@dataclass(frozen=True)
class Affiliate:
    """One affiliate at one advertiser. `volume` is conversions on a usual day."""

    affiliate_id: int
    label: str
    advertiser_id: int
    volume: float
    payout: Decimal
    clicks_each: float = 9.0
    other_spelling: str | None = None  # used in every second week
    active_share: float = 1.0  # days with any traffic


@dataclass(frozen=True)
class Source:
    """One RedTrack source. `spend` is dollars on a usual day."""

    source_id: str
    name: str
    alias: str
    spend: float
    active_share: float = 1.0


@dataclass(frozen=True)
class Profile:
    client: str
    advertisers: tuple[Advertiser, ...]
    affiliates: tuple[Affiliate, ...]
    sources: tuple[Source, ...]
    mapping: tuple[MappingRow, ...]
    orders: float  # on a usual day
    local_midnight: bool  # Everflow's date column: local midnight, otherwise UTC midnight
    terse_flags: bool  # Sticky.io writes 1 and blank, otherwise YES and NO
    # source -> Everflow's affiliate and advertiser in its links, if the file does not have them
    links: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    launches: tuple[Campaign, ...] = ()  # campaigns that run for a few weeks only

    @cached_property
    def _affiliates_of(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for row in self.affiliates:
            found.setdefault(row.advertiser_id, []).append(row.affiliate_id)
        return found

    @cached_property
    def campaigns(self) -> tuple[Campaign, ...]:
        """RedTrack's campaigns, the lasting ones first."""
        return campaigns_of(self) + self.launches

    def campaigns_on(self, day: date) -> list[Campaign]:
        """Campaigns that RedTrack lists on a day; one that was stopped is paused."""
        return [
            row if row.runs_on(day) else row._replace(status=2)
            for row in self.campaigns
            if row.first_day is None or row.first_day <= day
        ]

    @cached_property
    def campaigns_by_source(self) -> dict[str, tuple[Campaign, ...]]:
        found: dict[str, tuple[Campaign, ...]] = {}
        for row in self.campaigns:
            found[row.source_id] = (*found.get(row.source_id, ()), row)
        return found

    @cached_property
    def gaps(self) -> tuple[str, ...]:
        """Unmapped sources; those missing in the file come first."""
        mapped = {row.source_id for row in self.mapping if row.is_mapped}
        listed = {row.source_id for row in self.mapping}
        found = [row.source_id for row in self.sources if row.source_id not in mapped]
        gaps = sorted(found, key=lambda source: source in listed)
        # one gap in the whole agency: the first client has it
        return tuple(gaps) if self.client == "713" else ("", *gaps)

    def affiliates_of(self, advertiser_id: int) -> list[int]:
        """Everflow ids of affiliates of the advertiser."""
        return self._affiliates_of[advertiser_id]

    def advertiser(self, advertiser_id: int) -> Advertiser:
        return next(row for row in self.advertisers if row.advertiser_id == advertiser_id)


CCW = Advertiser(1, "CCW", ((101, "CCW Certificate"), (102, "CCW Refresher")), Decimal("95"),
                 Decimal("99.95"))  # fmt: skip
EXP = Advertiser(2, "EXP", ((201, "EXP Course"),), Decimal("64.5"), Decimal("69"))
COACHING = Advertiser(7, "CTI Coaching", ((701, "Coaching Call"), (702, "Coaching Club")),
                      Decimal("120"), Decimal("149"))  # fmt: skip

# Ids that Everflow gives to the labels of the client's file; the file's own ids are not reliable.
_INTERNAL_IDS: dict[tuple[str, int], tuple[int, ...]] = {
    ("g2 - meta", 1): (11,),
    ("g2 - meta", 2): (11,),
    ("sb - meta", 1): (12, 52),
    ("g2 - google", 1): (13,),
    ("g2 - google", 2): (31,),
    ("hs - tiktok", 1): (14,),
    ("g2 - bing", 1): (17,),
    ("cti house media", 7): (41,),
    ("cti house video", 7): (42, 48),
}


def _external(
    affiliate_id: int, label: str, advertiser_id: int, volume: float, payout: str,
    other_spelling: str | None = None, active_share: float = 1.0, clicks_each: float = 9.0,
) -> Affiliate:  # fmt: skip
    return Affiliate(
        affiliate_id, label, advertiser_id, volume, Decimal(payout), clicks_each,
        other_spelling, active_share,
    )  # fmt: skip


_EXTERNALS: dict[str, tuple[Affiliate, ...]] = {
    "713": (
        _external(21, "Blue Bench", 1, 14, "30", other_spelling="BLUE BENCH "),
        _external(22, "Venture Beyond", 1, 0, "28", clicks_each=80),
        _external(23, "AC Email", 1, 4, "0"),
        _external(24, "North Lantern", 1, 9, "32.5"),
        _external(25, "Clearwater Leads ", 1, 8, "27.25"),
        _external(26, "Pine & Harbor Media", 1, 6, "31"),
        _external(27, "O'Malley Digital", 1, 5, "29.9"),
        _external(28, "Ridge Runner", 1, 4, "33.3333"),
        _external(29, "Sunline Partners", 1, 4, "26"),
        _external(30, "Quiet Field Email", 1, 3, "18.75", active_share=0.6),
        _external(32, "Maple <Street> Media", 1, 2, "35", active_share=0.7),
        _external(33, "Café Mobile", 1, 2, "22.125", active_share=0.5),
        _external(24, "North Lantern", 2, 6, "21"),
        _external(34, "Stonebridge Traffic", 2, 7, "19.5"),
        _external(35, "Open Road Ads", 2, 5, "20.25"),
        _external(36, "Lakeshore Push", 2, 3, "17.5"),
        _external(37, "Tin Roof Media", 2, 1.5, "24", active_share=0.5),
    ),
    "cti": (
        _external(43, "Coach Finder", 7, 26, "40"),
        _external(44, "Bright Path Leads", 7, 18, "37.5"),
        _external(45, "Webinar Friends", 7, 9, "45.75"),
        _external(46, "AC Email", 7, 5, "0"),
    ),
}

_STRAY_SOURCES: dict[str, tuple[Source, ...]] = {
    "713": (
        Source("64f1a20b9c3d5e0001a4c0f1", "New Source", "other", 35, 0.8),
        Source("64f1a20b9c3d5e0001a4c0f2", "Reddit Trial (no owner)", "reddit", 18, 0.4),
    ),
    "cti": (Source("65a2b30cad4e6f0002b5d0f1", "Newsletter Swap", "other", 22, 0.6),),
}

# The links of sources that the file does not map, and of one that it maps to another affiliate.
_LINKS = {
    "64f1a20b9c3d5e0001a4c0f1": (11, 1),  # New Source: G2 - Meta, a line to suggest
    "64f1a20b9c3d5e0001a4c005": (31, 2),  # Facebook CTI: n/a in the file, which is a line too
    "64f1a20b9c3d5e0001a4c003": (11, 1),  # Meta CCW Political: the file says SB - Meta
    "65a2b30cad4e6f0002b5d0f1": (43, 7),  # Newsletter Swap: an external affiliate
}

_INTERNAL_VOLUME = {11: 34.0, 12: 22.0, 52: 6.0, 13: 18.0, 31: 14.0, 14: 9.0, 17: 2.0,
                    41: 60.0, 42: 32.0, 48: 6.0}  # fmt: skip
_TARGET_COST = 29.0  # dollars of spend for one conversion


def client_ids() -> tuple[str, ...]:
    return tuple(_EXTERNALS)


def profile_of(client: str) -> Profile:
    """Cast of `713` or `cti`.

    Raises SandboxError for a client that the simulated agency does not have, and for a file of
    internal affiliates that cannot be read.
    """
    if client not in _EXTERNALS:
        raise SandboxError(f"the sandbox has no client {client!r}; it has 713 and cti")
    mapping = read_mapping(client)
    advertisers = (CCW, EXP) if client == "713" else (COACHING,)
    internal = _internal(mapping, {row.advertiser_id for row in advertisers})
    return Profile(
        client=client,
        advertisers=advertisers,
        affiliates=internal + _EXTERNALS[client],
        sources=_sources(mapping, internal) + _STRAY_SOURCES[client],
        mapping=mapping,
        orders=130.0 if client == "713" else 38.0,
        local_midnight=client == "cti",
        terse_flags=client == "cti",
        links=_LINKS,
    )


def _internal(mapping: tuple[MappingRow, ...], known: set[int]) -> tuple[Affiliate, ...]:
    """One affiliate per Everflow id behind each mapped label, under its first spelling."""
    spelling: dict[str, str] = {}
    keys: dict[tuple[str, int], None] = {}
    for row in mapping:
        if row.label is not None and row.advertiser_id in known:
            spelling.setdefault(fold(row.label), row.label)
            keys[(fold(row.label), row.advertiser_id)] = None
    found = []
    for number, (label, advertiser) in enumerate(keys):
        for place, affiliate_id in enumerate(
            _INTERNAL_IDS.get((label, advertiser), (300 + number,))
        ):
            volume = _INTERNAL_VOLUME.get(affiliate_id, 3.0) * (0.6 if advertiser == 2 else 1.0)
            found.append(
                Affiliate(
                    affiliate_id=affiliate_id,
                    # the second id of a label has a trailing blank, as in manual copies
                    label=spelling[label] + (" " if place else ""),
                    advertiser_id=advertiser,
                    volume=volume,
                    # one internal affiliate has a payout, which must not become its cost
                    payout=Decimal("12.5") if affiliate_id == 14 else Decimal(0),
                    clicks_each=11.0,
                    other_spelling=spelling[label].upper() if affiliate_id == 14 else None,
                    active_share=0.6 if affiliate_id == 17 else 1.0,
                )
            )
    return tuple(found)


def _sources(
    mapping: tuple[MappingRow, ...], internal: tuple[Affiliate, ...]
) -> tuple[Source, ...]:
    """The file's sources; those of one affiliate share the spend for its volume."""
    owners: dict[tuple[str, int | None], list[str]] = {}
    for row in mapping:
        if row.label is not None:
            owners.setdefault((fold(row.label), row.advertiser_id), []).append(row.source_id)
    sources = []
    for number, row in enumerate(mapping):
        key = (fold(row.label), row.advertiser_id) if row.label is not None else None
        if key is None or not row.is_mapped:
            spend, active = 24.0 + 9 * number, 0.75
        else:
            volume = sum(
                affiliate.volume
                for affiliate in internal
                if (fold(affiliate.label), affiliate.advertiser_id) == key
            )
            spend, active = max(volume, 1.0) * _TARGET_COST / len(owners[key]), 0.93
        sources.append(Source(row.source_id, row.source_name, row.source_alias, spend, active))
    return tuple(sources)
