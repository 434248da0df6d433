with source as (

    {{ source_or_empty('everflow', 'adjustments') }}

)

select
    -- ids
    _client_id,
    network_reporting_adjustment_id as adjustment_id,
    affiliate_id,
    offer_id,

    -- dates
    date,
    time_created as created_at,

    -- truth
    coalesce(deleted, false) as is_deleted,

    -- measures
    clicks,
    conversions,
    payout,
    revenue
from source
