with source as (

    {{ source_or_empty('redtrack', 'campaign_spend') }}

)

select
    -- ids
    _client_id,
    {{ name_or_null('source_id') }} as source_id,
    {{ name_or_null('campaign_id') }} as campaign_id,
    {{ name_or_null('offer_id') }} as offer_id,

    -- text
    coalesce(
        {{ name_or_null('source_name') }},
        {{ name_or_null('source_alias') }},
        {{ name_or_null('source_id') }},
        'no source'
    ) as source_name,
    {{ name_or_null('campaign_name') }} as campaign_name,
    {{ name_or_null('offer_name') }} as offer_name,

    -- dates
    date,

    -- measures
    clicks,
    conversions,
    cost,

    -- load
    _dlt_load_id as load_id
from source
