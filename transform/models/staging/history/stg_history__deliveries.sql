with source as (

    {{ source_or_empty('history', 'deliveries') }}

)

select
    -- ids
    _client_id,
    message_id,

    -- text
    report,
    edition,
    channel,
    status,

    -- dates
    period as date,
    created_at,
    sent_at,

    -- measures
    attempts
from source
