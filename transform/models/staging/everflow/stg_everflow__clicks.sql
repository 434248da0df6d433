with source as (

    {{ source_or_empty('everflow', 'clicks') }}

)

select
    -- ids
    _client_id,
    transaction_id,
    affiliate_id,
    advertiser_id,
    offer_id,

    -- text
    {{ blank_to_null('affiliate_label') }} as affiliate_label,
    {{ blank_to_null('advertiser_label') }} as advertiser_label,
    {{ blank_to_null('offer_label') }} as offer_label,
    {{ blank_to_null('country') }} as country,
    {{ blank_to_null('region') }} as region,
    {{ blank_to_null('device_type') }} as device_type,

    -- dates
    date,
    click_at,

    -- truth
    is_unique,
    has_conversion,
    is_test_mode as is_test,

    -- measures
    payout,
    revenue

    -- sub ids and errors omitted: raw has them
from source
