-- the newest file that speaks of an order speaks for all of it, so that a product which left the
-- order leaves here too
-- depends_on: {{ ref('int_raw_files__reconciled') }}
with created_lines as (

    select * from {{ ref('stg_s3_exports__orders_create') }}

),

updated_lines as (

    select * from {{ ref('stg_s3_exports__orders_update') }}

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

-- rank, not row_number: every line of the newest file has rank 1
aged_lines as (

    select
        *,
        rank() over (
            partition by _client_id, order_id
            order by coalesce(file_time, 0) desc, is_update desc, _file_name collate "C" desc
        ) as file_age
    from order_lines
    where order_id is not null

),

newest_lines as (

    select
        *,
        row_number() over (
            partition by _client_id, order_id
            order by _row_id
        ) as line_number
    from aged_lines
    where file_age = 1

),

-- totals and flags are the order's, repeated on each line; texts are the main product's
orders as (

    select
        _client_id,
        order_id,
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
        max(_file_name) as _file_name,
        max(file_time) as file_time
    from newest_lines
    group by 1, 2

)

select * from orders
