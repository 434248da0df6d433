-- the newest file that has an order replaces all of it, so that a product removed from the order is
-- removed here too
with orders_by_file as (

    select * from {{ ref('int_orders__by_file') }}

),

versioned as (

    select
        *,
        row_number() over (
            partition by _client_id, order_id
            order by coalesce(file_time, 0) desc, is_update desc, _file_name collate "C" desc
        ) as recency
    from orders_by_file

)

select
    _client_id,
    order_id,
    parent_order_id,
    affiliate_id,
    order_status,
    product_category,
    billing_state,
    order_date,
    is_test,
    is_voided,
    is_refunded,
    is_chargeback,
    rebill_depth,
    total_amount,
    refund_amount,
    line_count,
    _file_name,
    file_time
from versioned
where recency = 1
