with created_lines as (

    select * from {{ ref('stg_s3_exports__orders_create') }}

),

loads as (

    select * from {{ ref('stg_ops__loads') }}

),

-- files of different prefixes are pulled together; the least recent pull counts
asked as (

    select
        _client_id,
        min(loaded_at) as loaded_at
    from loads
    where source = 's3_exports' and table_name in ('orders_create', 'orders_update')
    group by 1

),

-- reduce to files first: counting distinct names would sort the lines of all files
named as (

    select distinct
        _client_id,
        file_date,
        _file_name
    from created_lines
    where file_date is not null

),

files as (

    select
        _client_id,
        file_date,
        cast(count(*) as bigint) as files
    from named
    group by 1, 2

)

select
    -- ids
    files._client_id,

    -- dates
    files.file_date,

    -- measures
    files.files,

    -- load
    asked.loaded_at
from files
left join asked on files._client_id = asked._client_id
