with pulls as (

    select * from {{ ref('stg_history__pulls') }}

),

runs as (

    select * from {{ ref('stg_history__runs') }}

)

select
    -- ids
    pulls._client_id,
    pulls.pull_id,
    pulls.run_id,
    pulls.source,

    -- text
    runs.job,
    pulls.status,
    pulls.error_class,

    -- dates
    pulls.date,
    pulls.ended_at,

    -- measures
    pulls.rows,
    pulls.changed,
    pulls.rejected_rows,
    pulls.requests,
    pulls.wait_seconds,
    pulls.seconds
from pulls
left join runs on pulls.run_id = runs.run_id
