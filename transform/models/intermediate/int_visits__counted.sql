-- by day, and only the days whose events were pulled again: see forget_unless_recorded
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook=[
        "{{ forget_unless_recorded('posthog', ['events'], 'cast(' ~ this ~ '.date as text)') }}",
    ]
) }}

with events as (

    select * from {{ ref('stg_posthog__events') }}

),

control_totals as (

    select * from {{ ref('stg_ops__control_totals') }}

),

-- a day without events was requested as well
days as (

    select
        _client_id,
        date,
        loaded_at as recorded_at
    from control_totals
    where source = 'posthog' and table_name = 'events' and measure = 'rows'
    union
    select
        events._client_id,
        events.date,
        cast(null as timestamptz) as recorded_at
    from events
    left join control_totals as recorded
        on
            events._client_id = recorded._client_id
            and events.date = recorded.date
            and recorded.source = 'posthog'
            and recorded.table_name = 'events'
            and recorded.measure = 'rows'
    where recorded._client_id is null

),

missing_days as (

    select
        days._client_id,
        days.date,
        days.recorded_at
    from days
    {% if is_incremental() %}
    left join {{ this }} as known
        on
            days._client_id = known._client_id
            and days.date = known.date
    where known._client_id is null
    {% endif %}

),

visits as (

    select
        missing_days._client_id,
        missing_days.date,
        missing_days.recorded_at,
        events.event_id,
        events.event_name,
        events.distinct_id,
        -- events without a session, as from a server, count as one session of their visitor
        coalesce({{ property('events.properties', '$session_id') }}, events.distinct_id)
            as session_id
    from missing_days
    left join events
        on
            missing_days._client_id = events._client_id
            and missing_days.date = events.date

)

select
    _client_id,
    date,
    count(distinct session_id) as sessions,
    count(distinct distinct_id) as visitors,
    count(case when event_name = '$pageview' then 1 end) as pageviews,
    count(event_id) as events,
    max(recorded_at) as recorded_at
from visits
group by 1, 2
