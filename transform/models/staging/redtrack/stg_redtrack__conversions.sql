with source as (

    {{ source_or_empty('redtrack', 'conversions') }}

)

select
    -- ids
    _client_id,
    {{ name_or_null('id') }} as conversion_id,
    {{ name_or_null('source_id') }} as source_id,
    {{ name_or_null('campaign_id') }} as campaign_id,
    {{ name_or_null('offer_id') }} as offer_id,

    -- text
    {{ name_or_null('type') }} as conversion_type,
    lower({{ name_or_null('status') }}) as status,

    -- dates
    date,
    conv_time as conversion_at,

    -- truth
    is_default_type,

    -- measures
    payout
from source
