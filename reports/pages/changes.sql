select
    _client_id,
    date,
    measure,
    cause,
    sum(amount) as amount,
    max(reported_at) as reported_at
from performance_changes
where _client_id = :client_id and date between :first_date and :last_date
group by 1, 2, 3, 4
order by 2 desc, 3, 4
