with orders as (

    select * from {{ ref('int_orders__projected') }}

)

select
    -- ids
    _client_id,
    order_id,
    order_date,
    affiliate_id,

    -- text
    order_status,
    project,
    state,

    -- truth
    is_test,
    is_initial,
    is_refunded,
    is_voided,
    is_chargeback,

    -- measures
    total_amount,
    refund_amount
from orders
