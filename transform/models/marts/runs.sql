with runs as (

    select * from {{ ref('stg_history__runs') }}

),

steps as (

    select
        run_id,
        count(*) as steps,
        sum(case when status = 'failed' then 1 else 0 end) as failed_steps
    from {{ ref('stg_history__steps') }}
    group by 1

),

pulls as (

    select
        run_id,
        count(*) as pulls,
        sum(rows) as rows,
        sum(requests) as requests
    from {{ ref('stg_history__pulls') }}
    group by 1

)

select
    -- ids
    runs._client_id,
    runs.run_id,

    -- text
    runs.job,
    runs.trigger,
    runs.status,
    runs.error,

    -- dates
    runs.date,
    runs.scheduled_for,
    runs.created_at,
    runs.started_at,
    runs.finished_at,

    -- measures
    {{ seconds_between('runs.started_at', 'runs.finished_at') }} as seconds,
    runs.attempts,
    cast(coalesce(steps.steps, 0) as bigint) as steps,
    cast(coalesce(steps.failed_steps, 0) as bigint) as failed_steps,
    cast(coalesce(pulls.pulls, 0) as bigint) as pulls,
    cast(coalesce(pulls.rows, 0) as bigint) as rows,
    cast(coalesce(pulls.requests, 0) as bigint) as requests
from runs
left join steps on runs.run_id = steps.run_id
left join pulls on runs.run_id = pulls.run_id
