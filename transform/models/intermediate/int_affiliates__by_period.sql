with periods as (

    select * from {{ ref('int_days__in_periods') }}

),

costed as (

    select * from {{ ref('int_performance__costed') }}

),

-- a day counts for the period, for the one before it, or (between two months) for neither
affiliate_days as (

    select
        periods._client_id,
        periods.period,
        periods.period_start,
        periods.period_end,
        costed.date >= periods.period_start as is_current,
        costed.advertiser_id,
        costed.advertiser_label,
        costed.affiliate_id,
        costed.affiliate_label,
        costed.is_internal,
        costed.has_spend,
        costed.is_internal and costed.conversions > 0 and not costed.has_spend as is_unpaid,
        costed.conversions,
        costed.everflow_revenue,
        costed.cost
    from periods
    inner join costed
        on
            periods._client_id = costed._client_id
            and periods.previous_start <= costed.date
            and periods.period_end >= costed.date
            and (
                periods.period_start <= costed.date
                or periods.previous_end >= costed.date
            )
    where not costed.is_unmapped

),

summed as (

    select
        _client_id,
        period,
        period_start,
        period_end,
        advertiser_id,
        advertiser_label,
        affiliate_id,
        affiliate_label,
        -- filters, not zeros: adding a zero takes as long as adding an amount
        -- a mapping may begin or end within the period
        bool_or(is_current and is_internal) as is_internal,
        bool_or(is_current and has_spend) as has_spend,
        bool_or(not is_current and has_spend) as had_spend,
        count(*) filter (where is_current and is_unpaid) as missing_spend_days,
        bool_or(not is_current and is_unpaid) as had_unpaid_days,
        coalesce(sum(conversions) filter (where is_current), 0) as conversions,
        coalesce(sum(everflow_revenue) filter (where is_current), 0) as everflow_revenue,
        coalesce(sum(cost) filter (where is_current), 0) as cost,
        coalesce(sum(conversions) filter (where not is_current), 0) as previous_conversions,
        coalesce(sum(everflow_revenue) filter (where not is_current), 0) as previous_revenue,
        coalesce(sum(cost) filter (where not is_current), 0) as previous_cost,
        bool_or(is_current) as is_current
    from affiliate_days
    group by 1, 2, 3, 4, 5, 6, 7, 8

)

select
    _client_id,
    period,
    period_start,
    period_end,
    advertiser_id,
    advertiser_label,
    affiliate_id,
    affiliate_label,
    is_internal,
    -- a sum of 0 with missing days is not a cost of 0
    has_spend and (cost <> 0 or missing_spend_days = 0) as has_spend,
    had_spend and (previous_cost <> 0 or not had_unpaid_days) as had_spend,
    cast(missing_spend_days as bigint) as missing_spend_days,
    cast(conversions as bigint) as conversions,
    cast(everflow_revenue as decimal(38, 18)) as everflow_revenue,
    cast(cost as decimal(38, 18)) as cost,
    cast(everflow_revenue - cost as decimal(38, 18)) as profit,
    cast(previous_conversions as bigint) as previous_conversions,
    cast(previous_cost as decimal(38, 18)) as previous_cost,
    cast(previous_revenue - previous_cost as decimal(38, 18)) as previous_profit
from summed
where is_current
