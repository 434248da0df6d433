with source as (

    {{ source_or_empty('redtrack', 'daily_spend') }}

)

select
    -- ids
    _client_id,
    {{ name_or_null('source_id') }} as source_id,

    -- text
    coalesce(
        {{ name_or_null('source_name') }},
        {{ name_or_null('source_alias') }},
        {{ name_or_null('source_id') }},
        'no source'
    ) as source_name,
    {{ name_or_null('source_alias') }} as source_alias,

    -- dates
    date,

    -- measures
    clicks,
    conversions,
    cost,

    -- load
    _dlt_load_id as load_id

    -- landing page counts, conversion states and revenue omitted: Everflow is the source of truth
from source
