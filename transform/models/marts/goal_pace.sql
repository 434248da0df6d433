-- Over 120 lines: goals, calendar and actual values have three different grains.
with goals as (

    select * from {{ ref('stg_clients__goals') }}

),

days as (

    select * from {{ ref('int_days__requested') }}

),

costed as (

    select * from {{ ref('int_performance__costed') }}

),

-- the newest day that had ended when a source was pulled: the day of yesterday's report
last_days as (

    select
        _client_id,
        max(date) as date
    from days
    where everflow_is_complete or redtrack_is_complete
    group by 1

),

months as (

    select
        goals.*,
        last_days.date as last_day,
        cast(goals.month || '-01' as date) as month_start,
        cast(
            cast(cast(goals.month || '-01' as date) + interval '1 month' as date)
            - cast(goals.month || '-01' as date) as integer
        ) as days_in_month
    from goals
    left join last_days on goals._client_id = last_days._client_id

),

elapsed as (

    select
        *,
        cast(
            greatest(least(coalesce(last_day - month_start + 1, 0), days_in_month), 0) as bigint
        ) as days_elapsed
    from months

),

summed as (

    select
        elapsed._client_id,
        elapsed.brand,
        elapsed.month,
        elapsed.measure,
        sum(costed.cost) as spend,
        sum(case when not costed.is_unmapped then costed.cost end) as mapped_cost,
        sum(costed.conversions) as conversions
    from elapsed
    inner join costed
        on
            elapsed._client_id = costed._client_id
            and elapsed.advertiser_id = costed.advertiser_id
            and elapsed.month_start <= costed.date
            and elapsed.month_start + elapsed.days_in_month > costed.date
            and elapsed.last_day >= costed.date
    group by 1, 2, 3, 4

),

measured as (

    select
        elapsed._client_id,
        elapsed.brand,
        elapsed.month,
        elapsed.measure,
        elapsed.goal,
        elapsed.days_elapsed,
        cast(elapsed.days_in_month as bigint) as days_in_month,
        cast(elapsed.goal * elapsed.days_elapsed as decimal(38, 18)) as goal_days,
        cast(coalesce(summed.spend, 0) as decimal(38, 18)) as spend,
        cast(coalesce(summed.mapped_cost, 0) as decimal(38, 18)) as mapped_cost,
        cast(coalesce(summed.conversions, 0) as bigint) as conversions
    from elapsed
    left join summed
        on
            elapsed._client_id = summed._client_id
            and elapsed.brand = summed.brand
            and elapsed.month = summed.month
            and elapsed.measure = summed.measure

)

select
    -- ids
    _client_id,
    brand,
    month,
    measure,

    -- measures
    goal,
    cast(
        case measure
            when 'spend' then spend
            when 'conversions' then conversions
            else {{ exact_ratio('mapped_cost', 'conversions') }}
        end as decimal(38, 18)
    ) as actual_to_date,
    cast(
        case
            when measure = 'cpa' then goal
            else {{ exact_ratio('goal_days', 'days_in_month') }}
        end as decimal(38, 18)
    ) as expected_to_date,
    days_elapsed,
    days_in_month
from measured
