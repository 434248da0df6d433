with control_totals as (

    select * from {{ ref('stg_ops__control_totals') }}

),

costed as (

    select * from {{ ref('int_performance__costed') }}

),

source_days as (

    select
        _client_id,
        date,
        source,
        bool_or(is_closed) as is_closed,
        max(loaded_at) as loaded_at
    from control_totals
    where
        measure = 'rows'
        and (
            (source = 'everflow' and table_name = 'daily_stats')
            or (source = 'redtrack' and table_name = 'daily_spend')
        )
    group by 1, 2, 3

),

-- further sources are no part of the day's numbers, but of what is known of the day
further_days as (

    select
        _client_id,
        date,
        max(case when source = 'posthog' then loaded_at end) as posthog_loaded_at,
        max(case when source = 'mautic' then loaded_at end) as mautic_loaded_at
    from control_totals
    where
        measure = 'rows'
        and (
            (source = 'posthog' and table_name = 'events')
            or (source = 'mautic' and table_name = 'email_stats')
        )
    group by 1, 2

),

sources_by_client as (

    select
        _client_id,
        count(distinct source) as sources
    from source_days
    group by 1

),

asked as (

    select
        _client_id,
        date,
        sum(case when is_closed then 1 else 0 end) as sources_closed,
        bool_or(source = 'everflow' and is_closed) as everflow_is_complete,
        bool_or(source = 'redtrack' and is_closed) as redtrack_is_complete,
        max(case when source = 'everflow' then loaded_at end) as everflow_loaded_at,
        max(case when source = 'redtrack' then loaded_at end) as redtrack_loaded_at
    from source_days
    group by 1, 2

),

days as (

    select
        _client_id,
        date
    from asked
    union
    select
        _client_id,
        date
    from costed

),

completed as (

    select
        days._client_id,
        days.date,
        coalesce(asked.sources_closed = sources_by_client.sources, false) as is_complete,
        coalesce(asked.everflow_is_complete, false) as everflow_is_complete,
        coalesce(asked.redtrack_is_complete, false) as redtrack_is_complete,
        asked.everflow_loaded_at,
        asked.redtrack_loaded_at,
        further_days.posthog_loaded_at,
        further_days.mautic_loaded_at
    from days
    left join asked
        on
            days._client_id = asked._client_id
            and days.date = asked.date
    left join further_days
        on
            days._client_id = further_days._client_id
            and days.date = further_days.date
    left join sources_by_client
        on days._client_id = sources_by_client._client_id

)

select * from completed
