-- One row per day of the trend, affiliate and state of its CPA, for one brand. Spend that maps to
-- nobody comes along when it is this brand's or no known one's. A loaded day on which nothing
-- happened keeps one row without an affiliate. The day after comes along for when it was loaded:
-- a source that was never asked for it was not asked since midnight. Sums only: ratios are
-- computed once, in Python.
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

performance_by_affiliate as (

    select
        _client_id,
        date,
        affiliate_label,
        is_internal,
        is_unmapped,
        cpa_state,
        sum(conversions) as conversions,
        sum(cost) as cost
    from daily_performance
    where
        _client_id = :client_id
        and date between :first_date and :report_date
        and (advertiser_id = :advertiser_id or (is_unmapped and advertiser_id is null))
    group by 1, 2, 3, 4, 5, 6

)

select
    days._client_id,
    days.date,
    days.is_complete,
    days.everflow_loaded_at,
    days.redtrack_loaded_at,
    performance_by_affiliate.affiliate_label,
    performance_by_affiliate.is_internal,
    performance_by_affiliate.is_unmapped,
    performance_by_affiliate.cpa_state,
    performance_by_affiliate.conversions,
    performance_by_affiliate.cost
from days
left join performance_by_affiliate
    on
        days._client_id = performance_by_affiliate._client_id
        and days.date = performance_by_affiliate.date
