with runs as (

    select * from {{ ref('stg_history__runs') }}

),

steps as (

    select * from {{ ref('stg_history__steps') }}

)

select
    -- ids
    steps._client_id,
    steps.run_id,
    steps.step,

    -- text
    runs.job,
    steps.kind,
    steps.subject,
    steps.status,
    steps.error,

    -- dates
    runs.date,
    steps.started_at,
    steps.finished_at,

    -- measures
    {{ seconds_between('steps.started_at', 'steps.finished_at') }} as seconds,
    steps.position,
    steps.attempts,
    steps.rows
from steps
inner join runs on steps.run_id = runs.run_id
