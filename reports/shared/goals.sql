-- A brand's goals for the month that the report's day falls in, one row for each measure.
select
    _client_id,
    brand,
    measure,
    goal,
    days_in_month
from goal_pace
where
    _client_id = :client_id
    and month = :month
