-- Fails when a file's lines were read only in part, twice, or not again after the file was loaded
-- again: compares the lines that name an order, per file, with those that were summed.
with facts as (

    {% for table in ['orders_create', 'orders_update'] %}
    select
        _client_id,
        _file_name,
        1 as line_count
    from {{ ref('stg_s3_exports__' ~ table) }}
    where order_id is not null
    union all
    {% endfor %}
    select
        _client_id,
        _file_name,
        -line_count as line_count
    from {{ ref('int_orders__by_file') }}

)

select
    _client_id,
    _file_name,
    sum(line_count) as lines_lost
from facts
group by 1, 2
having sum(line_count) <> 0
