with orders as (

    select * from {{ ref('int_orders__projected') }}

),

attempted as (

    select
        _client_id,
        order_date,
        project,
        case when state in ({{ quoted(state_codes()) }}) then state else 'ZZ' end as state,
        order_status = 'DECLINED' as is_declined,
        -- a voided or refunded order was approved first
        order_status in ('NEW', 'VOID/REFUNDED') as is_approved,
        is_voided,
        is_refunded,
        is_chargeback,
        total_amount,
        refund_amount
    from orders
    where not is_test

)

select
    -- ids
    _client_id,
    order_date,
    project,
    state,

    -- measures
    count(*) as attempts,
    count(case when is_approved then 1 end) as approved,
    count(case when is_declined then 1 end) as declined,
    -- voided money was never received
    cast(
        coalesce(sum(case when is_approved and not is_voided then total_amount end), 0)
        as decimal(38, 18)
    ) as revenue,
    count(case when is_refunded then 1 end) as refunds,
    cast(coalesce(sum(refund_amount), 0) as decimal(38, 18)) as refund_amount,
    count(case when is_chargeback then 1 end) as chargebacks
from attempted
group by 1, 2, 3, 4
