-- Fails when the funnel loses, duplicates or moves what it counts: compares events counted from raw
-- in another way, prospects, orders without tests, and Everflow's conversions, per client and day.
with facts as (

    select
        _client_id,
        date,
        1 as pageviews,
        0 as prospects,
        0 as orders,
        0 as conversions
    from {{ ref('stg_posthog__events') }}
    where event_name = '$pageview'
    union all
    select
        _client_id,
        date,
        0 as pageviews,
        1 as prospects,
        0 as orders,
        0 as conversions
    from {{ ref('int_prospects__dated') }}
    where date is not null
    union all
    select
        _client_id,
        order_date as date,
        0 as pageviews,
        0 as prospects,
        1 as orders,
        0 as conversions
    from {{ ref('int_orders__projected') }}
    where not is_test and order_date is not null
    union all
    select
        _client_id,
        date,
        0 as pageviews,
        0 as prospects,
        0 as orders,
        conversions
    from {{ ref('stg_everflow__daily_stats') }}
    union all
    select
        _client_id,
        date,
        -coalesce(pageviews, 0) as pageviews,
        -coalesce(prospects, 0) as prospects,
        -coalesce(orders, 0) as orders,
        -coalesce(conversions, 0) as conversions
    from {{ ref('int_funnel_days__counted') }}

)

select
    _client_id,
    date,
    sum(pageviews) as pageviews_lost,
    sum(prospects) as prospects_lost,
    sum(orders) as orders_lost,
    sum(conversions) as conversions_lost
from facts
group by 1, 2
having
    sum(pageviews) <> 0
    or sum(prospects) <> 0
    or sum(orders) <> 0
    or sum(conversions) <> 0
