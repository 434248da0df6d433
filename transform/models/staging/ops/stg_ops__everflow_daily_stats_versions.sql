with source as (

    {{ source_or_empty('ops', 'everflow__daily_stats_versions') }}

)

select
    -- ids
    _client_id,
    load_id,
    affiliate_id,
    advertiser_id,

    -- text
    coalesce(
        {{ name_or_null('affiliate_label') }}, 'Affiliate ' || cast(affiliate_id as text)
    ) as affiliate_label,
    {{ name_or_null('advertiser_label') }} as advertiser_label,

    -- dates
    date,
    known_from,

    -- measures
    clicks,
    conversions,
    revenue,
    payout,

    -- truth
    is_removed
from source
