with source as (

    {{ source_or_empty('history', 'nodes') }}

)

select
    -- ids
    _client_id,
    build_id,
    node,
    run_id,

    -- text
    kind,
    name as node_name,
    status,

    -- dates
    day as date,
    ended_at,

    -- measures
    cast(took_ms * 0.001 as decimal(18, 3)) as seconds
from source
