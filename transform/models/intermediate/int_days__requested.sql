-- A day is complete once each source that is on was pulled after its end. ops.sources records which
-- are on; a warehouse without that record uses every source that was ever loaded.
with control_totals as (

    select
        *,
        source || '.' || table_name as source_table
    from {{ ref('stg_ops__control_totals') }}
    where measure = 'rows' and date is not null

),

sources as (

    select * from {{ ref('stg_ops__sources') }}

),

costed as (

    select * from {{ ref('int_performance__costed') }}

),

requested as (

    select
        _client_id,
        date,
        bool_or(source_table in ('everflow.daily_stats', 'redtrack.daily_spend')) as is_requested,
        bool_or(source_table = 'everflow.daily_stats' and is_closed) as everflow_is_complete,
        bool_or(source_table = 'redtrack.daily_spend' and is_closed) as redtrack_is_complete,
        max(case when source_table = 'everflow.daily_stats' then loaded_at end)
            as everflow_loaded_at,
        max(case when source_table = 'redtrack.daily_spend' then loaded_at end)
            as redtrack_loaded_at,
        -- other sources do not affect the day's numbers, only its freshness
        max(case when source_table = 'posthog.events' then loaded_at end) as posthog_loaded_at,
        max(case when source_table = 'mautic.email_stats' then loaded_at end) as mautic_loaded_at
    from control_totals
    group by 1, 2

),

states as (

    select
        _client_id,
        source,
        state = 'on' as is_on
    from sources
    where source in ('everflow', 'redtrack')
    union all
    select distinct
        control_totals._client_id,
        control_totals.source,
        true as is_on
    from control_totals
    left join sources
        on
            control_totals._client_id = sources._client_id
            and control_totals.source = sources.source
    where
        control_totals.source_table in ('everflow.daily_stats', 'redtrack.daily_spend')
        and sources.source is null

),

wanted as (

    select
        _client_id,
        bool_or(is_on and source = 'everflow') as everflow_is_on,
        bool_or(is_on and source = 'redtrack') as redtrack_is_on
    from states
    where is_on
    group by 1

),

days as (

    select
        _client_id,
        date
    from requested
    where is_requested
    union
    select
        _client_id,
        date
    from costed

)

select
    days._client_id,
    days.date,
    coalesce(
        (requested.everflow_is_complete or not wanted.everflow_is_on)
        and (requested.redtrack_is_complete or not wanted.redtrack_is_on),
        false
    ) as is_complete,
    coalesce(requested.everflow_is_complete, false) as everflow_is_complete,
    coalesce(requested.redtrack_is_complete, false) as redtrack_is_complete,
    requested.everflow_loaded_at,
    requested.redtrack_loaded_at,
    requested.posthog_loaded_at,
    requested.mautic_loaded_at
from days
left join requested
    on
        days._client_id = requested._client_id
        and days.date = requested.date
left join wanted
    on days._client_id = wanted._client_id
