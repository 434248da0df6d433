-- One row per day of the trend, affiliate and state of its CPA, for one brand. Unmapped spend is
-- included if it is this brand's or of no known brand. Sums only: ratios are computed once, in
-- Python.
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
