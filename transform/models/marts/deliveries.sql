with deliveries as (

    select * from {{ ref('stg_history__deliveries') }}

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
    date,
    created_at,
    sent_at,

    -- measures
    {{ seconds_between('created_at', 'sent_at') }} as seconds_to_send,
    attempts
from deliveries
