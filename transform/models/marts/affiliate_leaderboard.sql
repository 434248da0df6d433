with affiliates as (

    select * from {{ ref('int_affiliates__by_period') }}

),

checked as (

    select
        *,
        conversions < {{ var('low_volume_conversions') }} as is_low_volume,
        {{ cpa_state(has_unmapped=false) }} as cpa_state,
        sum(conversions) over (
            partition by _client_id, advertiser_id, period, period_end
        ) as brand_conversions
    from affiliates

),

rated as (

    select
        *,
        {{ cpa() }} as cpa,
        cast(
            case
                when had_spend or not is_internal
                    then {{ exact_ratio('previous_cost', 'previous_conversions') }}
            end as decimal(18, 6)
        ) as previous_cpa,
        {{ exact_ratio('conversions', 'brand_conversions') }} as conversions_share
    from checked

),

-- a CPA of few conversions is not meaningful, and an unknown one is null
rankable as (

    select
        *,
        cpa is not null and not is_low_volume as is_rankable
    from rated

),

ranked as (

    select
        *,
        rank() over (
            partition by _client_id, advertiser_id, period, period_end
            order by profit desc
        ) as profit_rank,
        rank() over (
            partition by _client_id, advertiser_id, period, period_end
            order by conversions desc
        ) as conversions_rank,
        rank() over (
            partition by _client_id, advertiser_id, period, period_end, is_rankable
            order by cpa asc
        ) as cpa_order
    from rankable

)

select
    -- ids
    _client_id,
    advertiser_id,
    advertiser_label,
    period,
    period_start,
    period_end,
    affiliate_id,
    affiliate_label,

    -- truth
    is_internal,
    is_low_volume,

    -- measures
    conversions,
    conversions_share,
    everflow_revenue,
    cost,
    cpa,
    cpa_state,
    missing_spend_days,
    profit,

    -- ranks
    profit_rank,
    conversions_rank,
    case when is_rankable then cpa_order end as cpa_rank,

    -- the period before
    previous_conversions,
    previous_cost,
    previous_cpa,
    previous_profit,
    conversions - previous_conversions as conversions_change,
    cast(cpa - previous_cpa as decimal(18, 6)) as cpa_change,
    cast(profit - previous_profit as decimal(38, 18)) as profit_change
from ranked
