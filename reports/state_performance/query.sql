-- Orders by day, brand and state, and the days of which a file of orders was read. The file of
-- the day after has a day's last orders, so that one comes along. Sums only: rates are formed once,
-- in Python.
with files as (

    select
        _client_id,
        file_date,
        loaded_at
    from order_files
    where _client_id = :client_id

),

orders as (

    select *
    from state_performance
    where
        _client_id = :client_id
        and order_date between :first_date and :report_date

)

select
    coalesce(files._client_id, orders._client_id) as _client_id,
    files.file_date,
    files.loaded_at,
    orders.order_date,
    orders.project,
    orders.state,
    orders.attempts,
    orders.approved,
    orders.declined,
    orders.revenue,
    orders.refunds,
    orders.refund_amount,
    orders.chargebacks
from files
full outer join orders
    on
        files._client_id = orders._client_id
        and files.file_date = orders.order_date
