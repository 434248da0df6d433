-- apart from order_files, which is built after every pull: counting reads the lines of all files
with created_lines as (

    select * from {{ ref('stg_s3_exports__orders_create') }}

),

-- reduce to files first: counting distinct names would sort the lines of all files
named as (

    select distinct
        _client_id,
        file_date,
        _file_name
    from created_lines
    where file_date is not null

)

select
    _client_id,
    file_date,
    cast(count(*) as bigint) as files
from named
group by 1, 2
