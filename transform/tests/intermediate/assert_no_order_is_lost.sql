-- Fails when an order of any file is missing from the latest orders, or one is there that is in no
-- file.
with order_ids as (

    select
        _client_id,
        order_id
    from {{ ref('stg_s3_exports__orders_create') }}
    where order_id is not null
    union
    select
        _client_id,
        order_id
    from {{ ref('stg_s3_exports__orders_update') }}
    where order_id is not null

)

select
    coalesce(order_ids._client_id, latest._client_id) as _client_id,
    coalesce(order_ids.order_id, latest.order_id) as order_id
from order_ids
full outer join {{ ref('int_orders__latest') }} as latest
    on
        order_ids._client_id = latest._client_id
        and order_ids.order_id = latest.order_id
where order_ids.order_id is null or latest.order_id is null
