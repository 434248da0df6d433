with source as (

    {{ source_or_empty('history', 'runs') }}

)

select
    -- ids
    _client_id,
    run_id,

    -- text
    job,
    trigger,
    status,
    error,

    -- dates
    day as date,
    scheduled_for,
    created_at,
    started_at,
    finished_at,

    -- measures
    attempts
from source
