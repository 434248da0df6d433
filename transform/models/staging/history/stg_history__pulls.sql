with source as (

    {{ source_or_empty('history', 'pulls') }}

)

select
    -- ids
    _client_id,
    pull_id,
    run_id,
    source,

    -- text
    status,
    error_class,

    -- dates
    day as date,
    ended_at,

    -- measures
    rows,
    changed,
    rejected_rows,
    requests,
    cast(wait_ms * 0.001 as decimal(18, 3)) as wait_seconds,
    cast(took_ms * 0.001 as decimal(18, 3)) as seconds
from source
