-- The days of which a file of orders was read. The file of the day after has a day's last orders.
select
    _client_id,
    file_date,
    loaded_at
from order_files
where _client_id = :client_id
