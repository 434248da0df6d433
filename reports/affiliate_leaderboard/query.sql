-- Days with their completeness, and on each Sunday one row per brand and affiliate with the seven
-- days to it. The day after the last one comes along for when it was loaded: see daily.sql.
with days as (

    select
        _client_id,
        date,
        is_complete,
        everflow_loaded_at,
        redtrack_loaded_at
    from daily_summary
    where
        _client_id = :client_id
        and date between :first_date and :next_date

),

affiliates as (

    select *
    from affiliate_leaderboard
    where
        _client_id = :client_id
        and period = 'last_7_days'
        and period_end between :first_date and :report_date
        and extract(isodow from period_end) = 7

)

select
    coalesce(days._client_id, affiliates._client_id) as _client_id,
    coalesce(days.date, affiliates.period_end) as date,
    days.is_complete,
    days.everflow_loaded_at,
    days.redtrack_loaded_at,
    affiliates.period_start,
    affiliates.period_end,
    affiliates.advertiser_id,
    affiliates.advertiser_label,
    affiliates.affiliate_id,
    affiliates.affiliate_label,
    affiliates.is_internal,
    affiliates.is_low_volume,
    affiliates.conversions,
    affiliates.conversions_share,
    affiliates.everflow_revenue,
    affiliates.cost,
    affiliates.cpa,
    affiliates.cpa_state,
    affiliates.missing_spend_days,
    affiliates.profit,
    affiliates.profit_rank,
    affiliates.conversions_rank,
    affiliates.cpa_rank,
    affiliates.previous_conversions,
    affiliates.previous_cost,
    affiliates.previous_cpa,
    affiliates.previous_profit
from days
full outer join affiliates
    on
        days._client_id = affiliates._client_id
        and days.date = affiliates.period_end
