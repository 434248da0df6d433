-- For each Monday one row per brand with its week; includes the current week.
select
    _client_id,
    week_start,
    advertiser_id,
    advertiser_label,
    days,
    conversions,
    everflow_payout,
    everflow_revenue,
    redtrack_cost,
    unmapped_cost,
    cost,
    profit,
    mapped_cpa,
    previous_conversions,
    previous_revenue,
    previous_cost,
    previous_unmapped_cost,
    previous_mapped_cpa,
    previous_profit
from weekly_rollup
where
    _client_id = :client_id
    and week_start between :first_date and :asked_date
