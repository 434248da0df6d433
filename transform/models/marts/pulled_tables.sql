with pulls as (

    select * from {{ ref('stg_history__pulls') }}

),

pulled_tables as (

    select * from {{ ref('stg_history__pulled_tables') }}

)

select
    -- ids
    pulled_tables._client_id,
    pulled_tables.pull_id,
    pulls.run_id,
    pulls.source,
    pulled_tables.table_name,

    -- dates
    pulls.date,
    pulls.ended_at,

    -- measures
    pulled_tables.rows
from pulled_tables
inner join pulls on pulled_tables.pull_id = pulls.pull_id
