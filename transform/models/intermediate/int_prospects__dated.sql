-- a file that is delivered again repeats its prospects: the first file that has one dates it
-- depends_on: {{ ref('stg_ops__control_totals') }}
with prospects as (

    select * from {{ ref('stg_s3_exports__prospects_create') }}

),

versioned as (

    select
        _client_id,
        prospect_id,
        date,
        affiliate_id,
        state,
        row_number() over (
            partition by _client_id, prospect_id
            order by coalesce(file_time, 0), _file_name collate "C", _row_id
        ) as recency
    from prospects
    where prospect_id is not null

)

select
    _client_id,
    prospect_id,
    date,
    affiliate_id,
    state
from versioned
where recency = 1
