-- ephemeral: the mart, and others that read every order, take it from int_orders__latest
{{ config(materialized='ephemeral') }}

with latest as (

    select * from {{ ref('int_orders__latest') }}

),

brands as (

    select * from {{ ref('stg_clients__brands') }}

)

select
    -- ids
    latest._client_id,
    latest.order_id,
    latest.order_date,
    latest.affiliate_id,

    -- text
    latest.order_status,
    brands.brand as project,
    case
        when length(latest.billing_state) = 2 then upper(latest.billing_state)
        else latest.billing_state
    end as state,

    -- truth
    latest.is_test,
    -- exports without the depth name the parent of a rebill
    case
        when latest.rebill_depth is not null then latest.rebill_depth = 0
        else coalesce(latest.parent_order_id, '0') in ('0', latest.order_id)
    end as is_initial,
    latest.is_refunded or latest.refund_amount > 0 as is_refunded,
    latest.is_voided,
    latest.is_chargeback,

    -- measures
    latest.total_amount,
    latest.refund_amount
from latest
left join brands
    on
        latest._client_id = brands._client_id
        and latest.product_category = upper(brands.brand)
