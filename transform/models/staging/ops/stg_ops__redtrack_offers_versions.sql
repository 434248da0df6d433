with source as (

    {{ source_or_empty('ops', 'redtrack__offers_versions') }}

)

select
    -- ids
    _client_id,
    load_id,
    {{ name_or_null('id') }} as offer_id,

    -- text
    {{ name_or_null('url') }} as target_url,

    -- dates
    known_from,

    -- truth
    is_removed
from source
