with incidents as (

    select * from {{ ref('stg_history__incidents') }}

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
    {{ seconds_between('opened_at', 'settled_at') }} as seconds,
    times
from incidents
