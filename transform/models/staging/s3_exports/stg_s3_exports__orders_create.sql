with source as (

    {{ source_or_empty('s3_exports', 'orders_create') }}

),

trimmed as (

    select
        _client_id,
        _file_name,
        _row_id,
        _file_date,
        {{ without_blanks(order_columns()) }}
    from source

)

{{ order_lines('trimmed') }}
