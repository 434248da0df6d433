with source as (

    {{ source_or_empty('everflow', 'daily_stats') }}

)

select
    -- ids
    _client_id,
    affiliate_id,
    advertiser_id,

    -- text
    coalesce(
        {{ name_or_null('affiliate_label') }}, 'Affiliate ' || cast(affiliate_id as text)
    ) as affiliate_label,
    {{ name_or_null('advertiser_label') }} as advertiser_label,

    -- dates
    date,

    -- measures
    clicks,
    unique_clicks,
    conversions,
    total_conversions,
    scrubbed_conversions,
    events,
    revenue,
    payout,

    -- load
    _dlt_load_id as load_id

    -- profit omitted (each mart forms its own), as are the finer click counts and sales
from source
