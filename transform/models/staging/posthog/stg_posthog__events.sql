with source as (

    {{ source_or_empty('posthog', 'events') }}

)

select
    -- ids
    _client_id,
    uuid as event_id,
    distinct_id,

    -- text
    {{ blank_to_null('event') }} as event_name,
    properties,

    -- dates
    date,
    timestamp as occurred_at,
    created_at as arrived_at
from source
