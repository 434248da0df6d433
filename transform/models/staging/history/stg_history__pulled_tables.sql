with source as (

    {{ source_or_empty('history', 'pulled_tables') }}

)

select
    -- ids
    _client_id,
    pull_id,
    table_name,

    -- measures
    rows
from source
