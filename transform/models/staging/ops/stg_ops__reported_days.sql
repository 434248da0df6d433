with source as (

    {{ source_or_empty('ops', 'reported_days') }}

)

select
    -- ids
    _client_id,
    advertiser_id,

    -- dates
    date,
    as_of,
    reported_at
from source
