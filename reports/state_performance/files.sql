-- The days for which a file of orders was read. The next day's file has a day's last orders.
select
    _client_id,
    file_date,
    loaded_at
from order_files
where _client_id = :client_id
