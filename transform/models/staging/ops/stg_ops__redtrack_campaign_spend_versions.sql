with source as (

    {{ source_or_empty('ops', 'redtrack__campaign_spend_versions') }}

)

select
    -- ids
    _client_id,
    load_id,
    {{ name_or_null('source_id') }} as source_id,
    {{ name_or_null('campaign_id') }} as campaign_id,
    {{ name_or_null('offer_id') }} as offer_id,

    -- dates
    date,
    known_from,

    -- measures
    clicks,
    conversions,
    cost,

    -- truth
    is_removed

    -- names of campaign and offer omitted: no mart of versions shows them
from source
