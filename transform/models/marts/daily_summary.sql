with days as (

    select * from {{ ref('int_days__requested') }}

),

costed as (

    select * from {{ ref('int_performance__costed') }}

),

summed as (

    select
        _client_id,
        date,
        cast(sum(conversions) as bigint) as conversions,
        sum(everflow_payout) as everflow_payout,
        sum(everflow_revenue) as everflow_revenue,
        sum(redtrack_cost) as redtrack_cost,
        sum(case when is_unmapped then cost else 0 end) as unmapped_cost,
        sum(case when is_unmapped then 0 else cost end) as mapped_cost,
        sum(cost) as cost,
        cast(sum(case when is_internal then conversions end) as bigint) as internal_conversions,
        cast(sum(case when is_internal then redtrack_conversions end) as bigint)
            as redtrack_conversions
    from costed
    group by 1, 2

),

-- a day that was pulled and had no data is a day of zeros
daily as (

    select
        days._client_id,
        days.date,
        coalesce(summed.conversions, 0) as conversions,
        cast(coalesce(summed.everflow_payout, 0) as decimal(38, 18)) as everflow_payout,
        cast(coalesce(summed.everflow_revenue, 0) as decimal(38, 18)) as everflow_revenue,
        cast(coalesce(summed.redtrack_cost, 0) as decimal(38, 18)) as redtrack_cost,
        cast(coalesce(summed.unmapped_cost, 0) as decimal(38, 18)) as unmapped_cost,
        cast(coalesce(summed.mapped_cost, 0) as decimal(38, 18)) as mapped_cost,
        cast(coalesce(summed.cost, 0) as decimal(38, 18)) as cost,
        coalesce(summed.internal_conversions, 0) as internal_conversions,
        summed.redtrack_conversions,
        summed.redtrack_conversions - summed.internal_conversions as tracking_gap,
        days.is_complete,
        days.everflow_is_complete,
        days.redtrack_is_complete,
        days.everflow_loaded_at,
        days.redtrack_loaded_at,
        days.posthog_loaded_at,
        days.mautic_loaded_at
    from days
    left join summed
        on
            days._client_id = summed._client_id
            and days.date = summed.date

)

select
    -- ids
    _client_id,
    date,

    -- measures
    conversions,
    everflow_payout,
    everflow_revenue,
    redtrack_cost,
    unmapped_cost,
    cost,
    {{ exact_ratio('cost', 'conversions') }} as blended_cpa,
    {{ exact_ratio('mapped_cost', 'conversions') }} as mapped_cpa,
    cast(everflow_revenue - cost as decimal(38, 18)) as profit,

    -- health of the tracking
    internal_conversions,
    redtrack_conversions,
    tracking_gap,
    {{ exact_ratio('tracking_gap', 'internal_conversions') }} as tracking_gap_rate,

    -- truth
    is_complete,
    everflow_is_complete,
    redtrack_is_complete,

    -- load
    everflow_loaded_at,
    redtrack_loaded_at,
    posthog_loaded_at,
    mautic_loaded_at
from daily
