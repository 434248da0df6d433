with source as (

    {{ source_or_empty('history', 'incidents') }}

)

select
    -- ids
    _client_id,
    incident_id,

    -- text
    kind,
    rule,
    subject,
    severity,
    title,
    cause,

    -- dates
    opened_at,
    last_at,
    settled_at,
    told_at,

    -- measures
    times
from source
