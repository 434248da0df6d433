with source as (

    {{ source_or_empty('ops', 'everflow__adjustments_versions') }}

)

select
    -- ids
    _client_id,
    load_id,
    network_reporting_adjustment_id as adjustment_id,
    affiliate_id,
    offer_id,

    -- dates
    date,
    known_from,

    -- measures
    conversions,
    revenue,
    payout,

    -- truth
    is_removed
from source
