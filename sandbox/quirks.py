"""Vendor behavior that is off unless a test or a scenario switches it on.

Everything is off by default, so that the default agency's answers do not change. A quirk takes
effect with the next request; the truth follows if the vendor's own figures change.
"""

from dataclasses import dataclass, field

SLACK_SCOPES = frozenset(
    {"chat:write", "files:write", "files:read", "channels:read", "channels:history",
     "groups:history"}
)  # fmt: skip


@dataclass
class Quirks:
    # Vendors whose count of a list's entries counts those of the page: "everflow", "redtrack",
    # "mautic". Unverified.
    page_totals: set[str] = field(default_factory=set)

    # Resources that the key may not read (403): "table", "conversions", "clicks", "affiliates",
    # "advertisers", "offers", "adjustments", "network", "encode", "timezones".
    everflow_forbidden: set[str] = field(default_factory=set)
    # Page 2 of conversions begins with the last row of page 1 and another row is on no page, at
    # the page size requested first; any other size shows every row.
    everflow_boundary_row: bool = False
    # A table above the cap is cut without `incomplete_results`; only `paging.total_count` shows it.
    everflow_silent_cut: bool = False
    everflow_null_for_empty: bool = False
    # Clients whose account is on the other host (EU), the only one that knows its key.
    everflow_elsewhere: set[str] = field(default_factory=set)
    # Clients whose key is restricted to IP addresses, not including the caller's. Unverified:
    # status and text of the refusal.
    everflow_bound_keys: set[str] = field(default_factory=set)
    # Client -> the network's own currency where it is not USD; see CURRENCY_RATES.
    everflow_currencies: dict[str, str] = field(default_factory=dict)

    redtrack_null_for_empty: bool = False
    # Each page after the first begins one row late or early, as if rows were added meanwhile,
    # unless the request has a stable order (sortby).
    redtrack_rows_move: bool = False

    # Client -> the currency that the account's settings name where it is not USD.
    redtrack_currencies: dict[str, str] = field(default_factory=dict)

    # The currency that single conversions are paid in.
    redtrack_conversion_currency: str = "USD"

    # `timezone` is ignored for single conversions; the account's own applies.
    redtrack_conversions_in_account_zone: bool = False

    # Slack's methods that read refuse JSON bodies, as they do in some workspaces.
    slack_form_only_reads: bool = False
    slack_scopes: set[str] = field(default_factory=lambda: set(SLACK_SCOPES))
    # Real seconds until an uploaded file may be used in a block; usually 2.
    slack_file_delay_s: float = 0.0
    # Kinds of blocks that this workspace does not accept (yet), such as "data_visualization".
    slack_refused_blocks: set[str] = field(default_factory=set)
    # Their error code: workspaces also answer "internal_error" and "invalid_attachments".
    slack_refusal: str = "invalid_blocks"

    # Folders of the buckets, as "orders-update/", of which the key may list and read nothing.
    s3_denied_prefixes: set[str] = field(default_factory=set)

    sheets_api_disabled: bool = False
    sheets_deleted: set[str] = field(default_factory=set)  # clients whose spreadsheet is gone
    sheets_clean: bool = False  # no cell contains an error
    sheets_loading: bool = False  # cells of an import that has not loaded yet

    # The role sees only the contacts that it owns: one in ten, and nothing says so.
    mautic_own_contacts_only: bool = False
    # Each page of a list after the first begins one row late or early, as if rows were added or
    # deleted.
    mautic_rows_move: bool = False
    # Every twentieth contact has MySQL's zero date, which Mautic writes in two ways.
    mautic_zero_dates: bool = False

    # PostHog's ids of archived experiments.
    posthog_archived: set[int] = field(default_factory=set)
    # `toDateTime` takes one argument, as in self-hosted versions of 2024.
    posthog_is_old: bool = False
    # An event's uuid -> its properties as raw JSON text.
    posthog_properties: dict[str, str] = field(default_factory=dict)

    twilio_trial: bool = False  # every text starts with an added sentence
    twilio_unregistered: bool = False  # the later status is undelivered, 30034


# Units of a network's own currency for one US dollar.
CURRENCY_RATES = {"USD": "1", "CAD": "1.25", "EUR": "0.8"}
