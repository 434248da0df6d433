with weeks as (

    select * from {{ ref('int_weeks__summed') }}

),

-- weeks that cannot be compared have no week before
compared as (

    select
        _client_id,
        advertiser_id,
        advertiser_label,
        week_start,
        days = 7 as is_complete,
        days,
        conversions,
        everflow_payout,
        everflow_revenue,
        redtrack_cost,
        unmapped_cost,
        cost,
        cast(cost - unmapped_cost as decimal(38, 18)) as mapped_cost,
        cast(everflow_revenue - cost as decimal(38, 18)) as profit,
        case when is_comparable then previous_conversions end as previous_conversions,
        cast(
            case when is_comparable then previous_everflow_revenue end as decimal(38, 18)
        ) as previous_revenue,
        cast(case when is_comparable then previous_cost end as decimal(38, 18)) as previous_cost,
        cast(
            case when is_comparable then previous_unmapped_cost end as decimal(38, 18)
        ) as previous_unmapped_cost
    from weeks

),

changed as (

    select
        *,
        {{ exact_ratio('cost', 'conversions') }} as blended_cpa,
        {{ exact_ratio('mapped_cost', 'conversions') }} as mapped_cpa,
        {{ exact_ratio('(previous_cost - previous_unmapped_cost)', 'previous_conversions') }}
            as previous_mapped_cpa,
        conversions - previous_conversions as conversions_change,
        cast(everflow_revenue - previous_revenue as decimal(38, 18)) as revenue_change,
        cast(cost - previous_cost as decimal(38, 18)) as cost_change,
        cast(previous_revenue - previous_cost as decimal(38, 18)) as previous_profit
    from compared

),

derived as (

    select
        *,
        cast(mapped_cpa - previous_mapped_cpa as decimal(18, 6)) as mapped_cpa_change,
        cast(profit - previous_profit as decimal(38, 18)) as profit_change
    from changed

)

select
    -- ids
    _client_id,
    advertiser_id,
    advertiser_label,
    week_start,
    cast(extract(isoyear from week_start) as bigint) as iso_year,
    cast(extract(week from week_start) as bigint) as iso_week,

    -- truth
    is_complete,

    -- measures
    days,
    conversions,
    everflow_payout,
    everflow_revenue,
    redtrack_cost,
    unmapped_cost,
    cost,
    blended_cpa,
    mapped_cpa,
    profit,

    -- against the same days of the week before
    previous_conversions,
    previous_revenue,
    previous_cost,
    previous_unmapped_cost,
    previous_mapped_cpa,
    previous_profit,
    conversions_change,
    {{ exact_ratio('conversions_change', 'previous_conversions') }} as conversions_change_rate,
    revenue_change,
    {{ exact_ratio('revenue_change', 'previous_revenue') }} as revenue_change_rate,
    cost_change,
    {{ exact_ratio('cost_change', 'previous_cost') }} as cost_change_rate,
    mapped_cpa_change,
    {{ exact_ratio('mapped_cpa_change', 'previous_mapped_cpa') }} as mapped_cpa_change_rate,
    profit_change,
    -- a change relative to a loss has no meaning
    cast(
        case
            when previous_profit > 0 then {{ exact_ratio('profit_change', 'previous_profit') }}
        end as decimal(18, 6)
    ) as profit_change_rate
from derived
