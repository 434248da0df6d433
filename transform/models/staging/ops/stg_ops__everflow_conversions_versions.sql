with source as (

    {{ source_or_empty('ops', 'everflow__conversions_versions') }}

)

select
    -- ids
    _client_id,
    load_id,
    conversion_id,
    affiliate_id,
    advertiser_id,
    offer_id,

    -- dates
    date,
    known_from,

    -- measures: the totals are US dollars
    case when {{ blank_to_null('currency_id') }} = 'USD' then payout end as payout,
    case when {{ blank_to_null('currency_id') }} = 'USD' then revenue end as revenue,

    -- truth
    is_removed,
    lower({{ blank_to_null('status') }}) = 'approved' and not coalesce(is_event, false)
        as is_counted,
    coalesce(is_view_through, false) as is_view_through
from source
