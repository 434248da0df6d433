with source as (

    {{ source_or_empty('ops', 'sources') }}

)

select
    -- ids
    _client_id,
    source,

    -- text
    state,
    reason,

    -- dates
    since,
    until
from source
