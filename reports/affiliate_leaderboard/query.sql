-- For each Sunday one row per brand and affiliate with the seven days up to it.
select
    _client_id,
    period_start,
    period_end,
    advertiser_id,
    advertiser_label,
    affiliate_id,
    affiliate_label,
    is_internal,
    is_low_volume,
    conversions,
    conversions_share,
    everflow_revenue,
    cost,
    cpa,
    cpa_state,
    missing_spend_days,
    profit,
    profit_rank,
    conversions_rank,
    cpa_rank,
    previous_conversions,
    previous_cost,
    previous_cpa,
    previous_profit
from affiliate_leaderboard
where
    _client_id = :client_id
    and period = 'last_7_days'
    and period_end between :first_date and :report_date
    and extract(isodow from period_end) = 7
