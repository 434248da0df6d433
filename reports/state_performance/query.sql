-- Orders by day, brand and state. Sums only: rates are computed once, in Python.
select
    _client_id,
    order_date,
    project,
    state,
    attempts,
    approved,
    declined,
    revenue,
    refunds,
    refund_amount,
    chargebacks
from state_performance
where
    _client_id = :client_id
    and order_date between :first_date and :report_date
