with source as (

    {{ source_or_empty('mautic', 'email_stats') }}

)

select
    -- ids
    _client_id,
    id as email_stat_id,
    email_id,
    lead_id as contact_id,
    email_address as email_hash,

    -- text
    source as sent_by,

    -- dates
    date,
    date_sent as sent_at,
    date_read as first_opened_at,
    last_opened as last_opened_at,

    -- truth
    is_read,
    is_failed,

    -- measures
    open_count

    -- tracking hash, segment, retries and the id of the sender omitted
from source
