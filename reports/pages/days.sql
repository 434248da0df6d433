select
    _client_id,
    date,
    unmapped_cost,
    is_complete,
    everflow_loaded_at,
    redtrack_loaded_at
from daily_summary
where _client_id = :client_id and date between :earliest_date and :last_date
order by date
