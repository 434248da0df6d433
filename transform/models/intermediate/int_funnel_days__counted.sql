-- Each source is counted by itself, then joined on the day; if a source has no data for a day, the
-- count is null, not zero. Exports cover the days from the first to the last in their rows, the
-- other sources the days that they were pulled for.
with visits as (

    select * from {{ ref('int_visits__counted') }}

),

requested_days as (

    select * from {{ ref('int_days__requested') }}

),

prospects as (

    select
        _client_id,
        date,
        count(*) as prospects
    from {{ ref('int_prospects__dated') }}
    where date is not null
    group by 1, 2

),

orders as (

    select
        _client_id,
        order_date as date,
        count(case when not is_test then 1 end) as orders,
        count(case when not is_test and is_initial then 1 end) as initial_orders,
        -- a voided or refunded order was approved first
        count(
            case
                when not is_test and is_initial and order_status in ('NEW', 'VOID/REFUNDED') then 1
            end
        ) as approved_initial_orders
    from {{ ref('int_orders__projected') }}
    where order_date is not null
    group by 1, 2

),

conversions as (

    select
        _client_id,
        date,
        cast(sum(conversions) as bigint) as conversions
    from {{ ref('int_performance__ledger') }}
    where source = 'everflow'
    group by 1, 2

),

days as (

    {% for counts in ['visits', 'requested_days', 'prospects', 'orders', 'conversions'] %}
    select
        _client_id,
        date
    from {{ counts }}
    {{ 'union' if not loop.last }}
    {% endfor %}

),

spans as (

    select
        days._client_id,
        min(prospects.date) as first_prospects,
        max(prospects.date) as last_prospects,
        min(orders.date) as first_orders,
        max(orders.date) as last_orders
    from days
    left join prospects on days._client_id = prospects._client_id and days.date = prospects.date
    left join orders on days._client_id = orders._client_id and days.date = orders.date
    group by 1

)

select
    days._client_id,
    days.date,
    visits.sessions,
    visits.visitors,
    visits.pageviews,
    case
        when days.date between spans.first_prospects and spans.last_prospects
            then coalesce(prospects.prospects, 0)
    end as prospects,
    {% for count in ['orders', 'initial_orders', 'approved_initial_orders'] %}
    case
        when days.date between spans.first_orders and spans.last_orders
            then coalesce(orders.{{ count }}, 0)
    end as {{ count }},
    {% endfor %}
    coalesce(
        conversions.conversions,
        case when requested_days.everflow_loaded_at is not null then 0 end
    ) as conversions
from days
inner join spans on days._client_id = spans._client_id
{% for counts in ['visits', 'requested_days', 'prospects', 'orders', 'conversions'] %}
left join {{ counts }}
    on days._client_id = {{ counts }}._client_id and days.date = {{ counts }}.date
{% endfor %}
