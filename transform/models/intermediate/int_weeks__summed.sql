-- A week has the days that are complete. It is compared with the same weekdays of the week before,
-- if those are complete too: the current week by the days it has, a whole week with a whole one.
with days as (

    select * from {{ ref('int_days__requested') }}

),

costed as (

    select * from {{ ref('int_performance__costed') }}

),

complete_days as (

    select
        _client_id,
        date,
        cast(date_trunc('week', date) as date) as week_start
    from days
    where is_complete

),

brands as (

    select distinct
        _client_id,
        advertiser_id,
        advertiser_label
    from costed

),

-- every brand has a row in every week, even a week of zeros
brand_days as (

    select
        complete_days._client_id,
        complete_days.week_start,
        complete_days.date,
        brands.advertiser_id,
        brands.advertiser_label,
        days_before._client_id is not null as is_comparable
    from complete_days
    inner join brands
        on complete_days._client_id = brands._client_id
    left join complete_days as days_before
        on
            complete_days._client_id = days_before._client_id
            and complete_days.date - 7 = days_before.date

),

sums_by_day as (

    select
        _client_id,
        date,
        coalesce(advertiser_id, -1) as advertiser_key,
        sum(conversions) as conversions,
        sum(everflow_payout) as everflow_payout,
        sum(everflow_revenue) as everflow_revenue,
        sum(redtrack_cost) as redtrack_cost,
        sum(case when is_unmapped then cost else 0 end) as unmapped_cost,
        sum(cost) as cost
    from costed
    group by 1, 2, 3

)

select
    brand_days._client_id,
    brand_days.advertiser_id,
    brand_days.advertiser_label,
    brand_days.week_start,
    cast(count(*) as bigint) as days,
    bool_and(brand_days.is_comparable) as is_comparable,
    cast(coalesce(sum(this_week.conversions), 0) as bigint) as conversions,
    cast(coalesce(sum(this_week.everflow_payout), 0) as decimal(38, 18)) as everflow_payout,
    cast(coalesce(sum(this_week.everflow_revenue), 0) as decimal(38, 18)) as everflow_revenue,
    cast(coalesce(sum(this_week.redtrack_cost), 0) as decimal(38, 18)) as redtrack_cost,
    cast(coalesce(sum(this_week.unmapped_cost), 0) as decimal(38, 18)) as unmapped_cost,
    cast(coalesce(sum(this_week.cost), 0) as decimal(38, 18)) as cost,

    cast(coalesce(sum(week_before.conversions), 0) as bigint) as previous_conversions,
    cast(
        coalesce(sum(week_before.everflow_payout), 0) as decimal(38, 18)
    ) as previous_everflow_payout,
    cast(
        coalesce(sum(week_before.everflow_revenue), 0) as decimal(38, 18)
    ) as previous_everflow_revenue,
    cast(
        coalesce(sum(week_before.redtrack_cost), 0) as decimal(38, 18)
    ) as previous_redtrack_cost,
    cast(
        coalesce(sum(week_before.unmapped_cost), 0) as decimal(38, 18)
    ) as previous_unmapped_cost,
    cast(coalesce(sum(week_before.cost), 0) as decimal(38, 18)) as previous_cost
from brand_days
left join sums_by_day as this_week
    on
        brand_days._client_id = this_week._client_id
        and brand_days.date = this_week.date
        and coalesce(brand_days.advertiser_id, -1) = this_week.advertiser_key
left join sums_by_day as week_before
    on
        brand_days._client_id = week_before._client_id
        and brand_days.date - 7 = week_before.date
        and coalesce(brand_days.advertiser_id, -1) = week_before.advertiser_key
group by 1, 2, 3, 4
