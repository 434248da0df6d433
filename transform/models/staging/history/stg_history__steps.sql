with source as (

    {{ source_or_empty('history', 'steps') }}

)

select
    -- ids
    _client_id,
    run_id,
    step,

    -- text
    split_part(step, ':', 1) as kind,
    nullif(split_part(step, ':', 2), '') as subject,
    status,
    error,

    -- dates
    started_at,
    finished_at,

    -- measures
    position,
    attempts,
    rows
from source
