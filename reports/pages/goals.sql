select
    _client_id,
    brand,
    measure,
    goal,
    actual_to_date,
    expected_to_date,
    days_elapsed,
    days_in_month
from goal_pace
where _client_id = :client_id and month = :month
order by brand, measure
