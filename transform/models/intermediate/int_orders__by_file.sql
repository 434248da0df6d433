-- Over 120 lines: every column of an order, and the incremental logic.
-- Reading and typing every line of every file is the main cost of orders: a file is read again only
-- if it was loaded again (forget_unless_recorded), and only the orders in files that were added or
-- are gone are compared again. `is_latest` is never null after a build.
{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['_client_id', 'order_id'],
    on_schema_change='fail',
    indexes=[
        {'columns': ['_client_id', 'order_id']},
        {'columns': ['_file_name', '_client_id', 'is_update', 'recorded_at']},
        {'columns': ['is_latest']},
    ] if target.type == 'postgres' else [],
    pre_hook=[
        "{{ forget_unless_recorded(
            's3_exports', ['orders_create', 'orders_update'], this ~ '._file_name', 'is_latest',
            ['_file_name', '_client_id', 'is_update']
        ) }}",
    ],
    post_hook=["delete from {{ this }} where is_latest is null"],
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

-- read again by name: PostgreSQL would compute every column of a CTE that is used twice
files as (

    {% for table, is_update in [('orders_create', 'false'), ('orders_update', 'true')] %}
    select distinct
        named._client_id,
        named._file_name,
        {{ is_update }} as is_update
    {% if is_incremental() %}
    from (
        {{ distinct_rows(
            ref('stg_s3_exports__' ~ table), ['_file_name', '_client_id'],
            api.Relation.create(schema='s3_exports', identifier=table)
        ) }}
    ) as named
    {% else %}
    from {{ ref('stg_s3_exports__' ~ table) }} as named
    {% endif %}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

missing_files as (

    select
        files._client_id,
        files._file_name,
        files.is_update,
        recorded_files.recorded_at
    from files
    left join recorded_files
        on
            files._client_id = recorded_files._client_id
            and files._file_name = recorded_files._file_name
            and files.is_update = recorded_files.is_update
    {% if is_incremental() %}
    where
        not exists (
            select 1
            from {{ this }} as known
            where
                known._client_id = files._client_id
                and known._file_name = files._file_name
                and known.is_update = files.is_update
                and known.is_latest is not null
        )
    {% endif %}

),

-- by name first: as an array, PostgreSQL looks the few names up in the index of the raw table
order_lines as (

    {% for lines, is_update in [('created_lines', 'false'), ('updated_lines', 'true')] %}
    select
        *,
        {{ is_update }} as is_update
    from {{ lines }}
    {% if is_incremental() %}
        where _file_name = any(array(select _file_name from missing_files))
    {% endif %}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

missing_lines as (

    select
        order_lines.*,
        missing_files.recorded_at,
        row_number() over (
            partition by
                order_lines._client_id,
                order_lines.order_id,
                order_lines._file_name,
                order_lines.is_update
            order by order_lines._row_id
        ) as line_number
    from order_lines
    inner join missing_files
        on
            order_lines._client_id = missing_files._client_id
            and order_lines._file_name = missing_files._file_name
            and order_lines.is_update = missing_files.is_update
    where order_lines.order_id is not null

),

-- totals and flags belong to the order and are repeated on each line; texts are the main product's
read_orders as (

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
        max(file_time) as file_time,
        max(recorded_at) as recorded_at
    from missing_lines
    group by 1, 2, 3, 4

),

{% if is_incremental() %}
touched_orders as (

    select
        _client_id,
        order_id
    from read_orders
    union
    select
        _client_id,
        order_id
    from {{ this }}
    where is_latest is null

),

{% endif %}
orders as (

    select * from read_orders
    {% if is_incremental() %}
    union all
    select
        {% for name in ['_client_id', 'order_id', '_file_name', 'is_update', 'parent_order_id',
            'affiliate_id', 'order_status', 'product_category', 'billing_state', 'order_date',
            'is_test', 'is_voided', 'is_refunded', 'is_chargeback', 'rebill_depth', 'total_amount',
            'refund_amount', 'line_count', 'file_time', 'recorded_at'] %}
        known.{{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ this }} as known
    inner join touched_orders
        on
            known._client_id = touched_orders._client_id
            and known.order_id = touched_orders.order_id
    where known.is_latest is not null
    {% endif %}

)

-- the newest file that has an order replaces all of it, so that a product removed from the order is
-- removed here too
select
    *,
    row_number() over (
        partition by _client_id, order_id
        order by coalesce(file_time, 0) desc, is_update desc, _file_name collate "C" desc
    ) = 1 as is_latest
from orders
