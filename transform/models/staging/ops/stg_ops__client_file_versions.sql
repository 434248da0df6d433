with source as (

    {{ source_or_empty('ops', 'client_file_versions') }}

)

select
    -- ids
    _client_id,
    file_name,

    -- text
    coalesce(commit_id, content_hash) as version_name,

    -- dates
    known_from,
    recorded_at,

    -- truth
    is_usable
from source
