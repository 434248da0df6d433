-- a file that is delivered again repeats its prospects: the first file that names one dates it
-- depends_on: {{ ref('int_raw_files__reconciled') }}
with prospects as (

    select * from {{ ref('stg_s3_exports__prospects_create') }}

),

aged as (

    select
        _client_id,
        prospect_id,
        date,
        affiliate_id,
        state,
        row_number() over (
            partition by _client_id, prospect_id
            order by coalesce(file_time, 0), _file_name collate "C", _row_id
        ) as age
    from prospects
    where prospect_id is not null

),

dated as (

    select
        _client_id,
        prospect_id,
        date,
        affiliate_id,
        state
    from aged
    where age = 1

)

select * from dated
