select
    _client_id,
    order_date,
    state,
    sum(attempts) as attempts,
    sum(approved) as approved,
    sum(declined) as declined,
    sum(refunds) as refunds,
    sum(chargebacks) as chargebacks,
    sum(revenue) as revenue
from state_performance
where _client_id = :client_id and order_date between :first_date and :last_date
group by 1, 2, 3
order by 2, 3
