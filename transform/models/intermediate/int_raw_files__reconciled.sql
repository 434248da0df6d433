-- rows of each file in raw against the rows that were read from it
{% set tables = ['orders_create', 'orders_update', 'prospects_create'] %}

with control_totals as (

    select * from {{ ref('stg_ops__control_totals') }}

),

raw_files as (

    {% for table in tables %}
    select
        _client_id,
        '{{ table }}' as table_name,
        _file_name,
        count(*) as raw_rows
    from {{ ref('stg_s3_exports__' ~ table) }}
    group by 1, 3
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

files_read as (

    select
        _client_id,
        table_name,
        partition_key as _file_name,
        total as rows_read
    from control_totals
    where
        source = 's3_exports'
        and measure = 'rows'
        and table_name in ({{ quoted(tables) }})

),

tables_loaded as (

    select distinct table_name
    from files_read

),

compared as (

    select
        coalesce(raw_files._client_id, files_read._client_id) as _client_id,
        coalesce(raw_files.table_name, files_read.table_name) as table_name,
        coalesce(raw_files._file_name, files_read._file_name) as _file_name,
        -- a file with totals and no rows holds a header only
        coalesce(raw_files.raw_rows, 0) as raw_rows,
        files_read.rows_read
    from raw_files
    full outer join files_read
        on
            raw_files._client_id = files_read._client_id
            and raw_files.table_name = files_read.table_name
            and raw_files._file_name = files_read._file_name

),

judged as (

    select
        compared._client_id,
        compared.table_name,
        compared._file_name,
        compared.raw_rows,
        compared.rows_read,
        case
            when tables_loaded.table_name is null then true
            when compared.rows_read is null then false
            else compared.raw_rows = compared.rows_read
        end as is_reconciled
    from compared
    left join tables_loaded
        on compared.table_name = tables_loaded.table_name

)

select * from judged
