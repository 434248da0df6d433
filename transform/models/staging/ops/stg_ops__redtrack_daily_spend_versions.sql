with source as (

    {{ source_or_empty('ops', 'redtrack__daily_spend_versions') }}

)

select
    -- ids
    _client_id,
    load_id,
    {{ name_or_null('source_id') }} as source_id,

    -- text
    coalesce(
        {{ name_or_null('source_name') }},
        {{ name_or_null('source_alias') }},
        {{ name_or_null('source_id') }},
        'no source'
    ) as source_name,

    -- dates
    date,
    known_from,

    -- measures
    clicks,
    conversions,
    cost,

    -- truth
    is_removed
from source
