-- Days with their completeness, and on each Monday one row per brand with its week. The day after
-- the last one comes along for when it was loaded: see daily.sql. A running week comes too.
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

weeks as (

    select *
    from weekly_rollup
    where
        _client_id = :client_id
        and week_start between :first_date and :asked_date

)

select
    coalesce(days._client_id, weeks._client_id) as _client_id,
    coalesce(days.date, weeks.week_start) as date,
    days.is_complete,
    days.everflow_loaded_at,
    days.redtrack_loaded_at,
    weeks.week_start,
    weeks.advertiser_id,
    weeks.advertiser_label,
    weeks.days,
    weeks.conversions,
    weeks.everflow_payout,
    weeks.everflow_revenue,
    weeks.redtrack_cost,
    weeks.unmapped_cost,
    weeks.cost,
    weeks.profit,
    weeks.mapped_cpa,
    weeks.previous_conversions,
    weeks.previous_revenue,
    weeks.previous_cost,
    weeks.previous_unmapped_cost,
    weeks.previous_mapped_cpa,
    weeks.previous_profit
from days
full outer join weeks
    on
        days._client_id = weeks._client_id
        and days.date = weeks.week_start
