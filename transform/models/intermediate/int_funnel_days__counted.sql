-- Each source counted by itself and stacked; where a source says nothing of a day the sum is null,
-- not zero. Exports speak of the days from the first to the last that their rows name, the other
-- sources of the days that they were asked for.
with visits as (

    select * from {{ ref('int_visits__counted') }}

),

prospects as (

    select * from {{ ref('int_prospects__dated') }}

),

orders as (

    select * from {{ ref('int_orders__projected') }}

),

asked_days as (

    select * from {{ ref('int_days__asked') }}

),

ledger as (

    select * from {{ ref('int_performance__ledger') }}

),

facts as (

    select
        _client_id,
        date,
        sessions,
        visitors,
        pageviews,
        cast(null as integer) as prospects,
        cast(null as integer) as orders,
        cast(null as integer) as initial_orders,
        cast(null as integer) as approved_initial_orders,
        cast(null as bigint) as conversions
    from visits
    union all
    select
        _client_id,
        date,
        null as sessions,
        null as visitors,
        null as pageviews,
        1 as prospects,
        null as orders,
        null as initial_orders,
        null as approved_initial_orders,
        null as conversions
    from prospects
    where date is not null
    union all
    select
        _client_id,
        order_date as date,
        null as sessions,
        null as visitors,
        null as pageviews,
        null as prospects,
        case when is_test then 0 else 1 end as orders,
        case when not is_test and is_initial then 1 else 0 end as initial_orders,
        -- a void or a refund was approved first
        case
            when not is_test and is_initial and order_status in ('NEW', 'VOID/REFUNDED') then 1
            else 0
        end as approved_initial_orders,
        null as conversions
    from orders
    where order_date is not null
    union all
    select
        _client_id,
        date,
        null as sessions,
        null as visitors,
        null as pageviews,
        null as prospects,
        null as orders,
        null as initial_orders,
        null as approved_initial_orders,
        case when everflow_loaded_at is not null then 0 end as conversions
    from asked_days
    union all
    select
        _client_id,
        date,
        null as sessions,
        null as visitors,
        null as pageviews,
        null as prospects,
        null as orders,
        null as initial_orders,
        null as approved_initial_orders,
        conversions
    from ledger
    where source = 'everflow'

),

summed as (

    select
        _client_id,
        date,
        cast(sum(sessions) as bigint) as sessions,
        cast(sum(visitors) as bigint) as visitors,
        cast(sum(pageviews) as bigint) as pageviews,
        cast(sum(prospects) as bigint) as prospects,
        cast(sum(orders) as bigint) as orders,
        cast(sum(initial_orders) as bigint) as initial_orders,
        cast(sum(approved_initial_orders) as bigint) as approved_initial_orders,
        cast(sum(conversions) as bigint) as conversions
    from facts
    group by 1, 2

),

spanned as (

    select
        *,
        date between
        min(case when prospects is not null then date end) over (partition by _client_id)
        and max(case when prospects is not null then date end) over (partition by _client_id)
            as has_prospects,
        date between
        min(case when orders is not null then date end) over (partition by _client_id)
        and max(case when orders is not null then date end) over (partition by _client_id)
            as has_orders
    from summed

),

counted as (

    select
        _client_id,
        date,
        sessions,
        visitors,
        pageviews,
        case when has_prospects then coalesce(prospects, 0) end as prospects,
        case when has_orders then coalesce(orders, 0) end as orders,
        case when has_orders then coalesce(initial_orders, 0) end as initial_orders,
        case when has_orders then coalesce(approved_initial_orders, 0) end
            as approved_initial_orders,
        conversions
    from spanned

)

select * from counted
