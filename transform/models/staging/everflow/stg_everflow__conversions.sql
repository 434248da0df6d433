with source as (

    {{ source_or_empty('everflow', 'conversions') }}

)

select
    -- ids
    _client_id,
    conversion_id,
    transaction_id,
    affiliate_id,
    advertiser_id,
    offer_id,
    {{ blank_to_null('order_id') }} as order_id,

    -- text
    lower({{ blank_to_null('status') }}) as status,
    coalesce(
        {{ name_or_null('affiliate_label') }}, 'Affiliate ' || cast(affiliate_id as text)
    ) as affiliate_label,
    {{ name_or_null('advertiser_label') }} as advertiser_label,
    {{ name_or_null('offer_label') }} as offer_label,
    {{ blank_to_null('currency_id') }} as currency,
    {{ blank_to_null('country') }} as country,
    {{ blank_to_null('region') }} as region,
    {{ blank_to_null('device_type') }} as device_type,

    -- dates
    date,
    conversion_at,
    click_at,

    -- truth
    is_event,
    is_scrub as is_scrubbed,
    is_view_through,

    -- measures
    payout,
    revenue,
    sale_amount

    -- sub ids, hashed email and the visitor's finer data omitted: raw has them
from source
