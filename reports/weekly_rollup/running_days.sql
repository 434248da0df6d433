-- The days of the current week that are counted.
select
    _client_id,
    date
from daily_summary
where
    _client_id = :client_id
    and date > :report_date
    and date <= :asked_date
    and is_complete
