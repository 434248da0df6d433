with nodes as (

    select * from {{ ref('stg_history__nodes') }}

)

select
    -- ids
    _client_id,
    date,
    node,

    -- text
    kind,
    node_name,

    -- measures
    cast(count(*) as bigint) as builds,
    cast(
        sum(
            case
                when status in ('error', 'fail', 'runtime error', 'partial success') then 1
                else 0
            end
        ) as bigint
    ) as failures,
    cast(sum(case when status = 'warn' then 1 else 0 end) as bigint) as warnings,
    cast(sum(case when status = 'skipped' then 1 else 0 end) as bigint) as skipped,
    cast(sum(seconds) as decimal(18, 3)) as seconds,
    cast(max(seconds) as decimal(18, 3)) as longest_seconds
from nodes
group by 1, 2, 3, 4, 5
