with files as (

    select * from {{ ref('int_order_files__counted') }}

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
