with source as (

    {{ source_or_empty('ops', 'control_totals') }}

)

select
    -- ids
    _client_id,
    source,
    table_name,
    partition_key,
    measure,

    -- dates
    day as date,
    as_of,
    loaded_at,

    -- truth
    is_closed,

    -- measures
    total
from source
