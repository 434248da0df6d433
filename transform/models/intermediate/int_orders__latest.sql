-- a view: nothing but a full refresh drops the table that it reads
{{ config(materialized='view') }}

with orders_by_file as (

    select * from {{ ref('int_orders__by_file') }}

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
from orders_by_file
where is_latest
