-- Over 120 lines: every column of an order, and the incremental logic.
-- Reading and typing every line of every file is the main cost of orders: a file is read again only
-- if it was loaded again. See forget_unless_recorded.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook=[
        "{{ forget_unless_recorded(
            's3_exports', ['orders_create', 'orders_update'], this ~ '._file_name'
        ) }}",
    ]
) }}

with created_lines as (

    select * from {{ ref('stg_s3_exports__orders_create') }}

),

updated_lines as (

    select * from {{ ref('stg_s3_exports__orders_update') }}

),

control_totals as (

    select * from {{ ref('stg_ops__control_totals') }}

),

order_lines as (

    select
        *,
        false as is_update
    from created_lines
    union all
    select
        *,
        true as is_update
    from updated_lines

),

recorded_files as (

    select
        _client_id,
        table_name = 'orders_update' as is_update,
        partition_key as _file_name,
        loaded_at as recorded_at
    from control_totals
    where
        source = 's3_exports'
        and table_name in ('orders_create', 'orders_update')
        and measure = 'rows'

),

missing_lines as (

    select
        *,
        row_number() over (
            partition by _client_id, order_id, _file_name, is_update
            order by _row_id
        ) as line_number
    from order_lines
    where order_id is not null
    {% if is_incremental() %}
        and not exists (
            select 1
            from {{ this }} as known
            where
                known._client_id = order_lines._client_id
                and known._file_name = order_lines._file_name
                and known.is_update = order_lines.is_update
        )
    {% endif %}

),

-- totals and flags belong to the order and are repeated on each line; texts are the main product's
orders as (

    select
        _client_id,
        order_id,
        _file_name,
        is_update,
        max(case when line_number = 1 then parent_order_id end) as parent_order_id,
        max(case when line_number = 1 then affiliate_id end) as affiliate_id,
        max(case when line_number = 1 then order_status end) as order_status,
        max(case when line_number = 1 then product_category end) as product_category,
        max(case when line_number = 1 then billing_state end) as billing_state,
        min(order_date) as order_date,
        coalesce(bool_or(is_test), false) as is_test,
        coalesce(bool_or(is_voided), false) as is_voided,
        coalesce(bool_or(is_refunded), false) as is_refunded,
        coalesce(bool_or(is_chargeback), false) as is_chargeback,
        min(rebill_depth) as rebill_depth,
        cast(max(total_amount) as decimal(38, 18)) as total_amount,
        cast(coalesce(max(refund_amount), 0) as decimal(38, 18)) as refund_amount,
        cast(count(*) as bigint) as line_count,
        max(file_time) as file_time
    from missing_lines
    group by 1, 2, 3, 4

)

select
    orders.*,
    recorded_files.recorded_at
from orders
left join recorded_files
    on
        orders._client_id = recorded_files._client_id
        and orders._file_name = recorded_files._file_name
        and orders.is_update = recorded_files.is_update
