with source as (

    {{ source_or_empty('ops', 'loads') }}

)

select
    -- ids
    _client_id,
    source,
    table_name,

    -- dates
    loaded_at,
    as_of,

    -- measures
    row_count

    -- load_id and the requested window omitted
from source
