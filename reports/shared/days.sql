-- Days with their completeness. The day after the last one is included to see when it was loaded: a
-- source that was never requested for it was not requested since midnight.
select
    _client_id,
    date,
    is_complete,
    everflow_loaded_at,
    redtrack_loaded_at
from daily_summary
where
    _client_id = :client_id
    and date between :first_date and :next_date
