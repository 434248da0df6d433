-- One row per day, brand, affiliate and kind of cost: sums only, ratios are computed in Python.
select
    _client_id,
    date,
    advertiser_id,
    affiliate_label,
    is_internal,
    is_unmapped,
    cpa_state = 'missing_spend' as is_spend_missing,
    sum(conversions) as conversions,
    sum(cost) as cost,
    sum(everflow_revenue) as revenue
from daily_performance
where _client_id = :client_id and date between :earliest_date and :last_date
group by 1, 2, 3, 4, 5, 6, 7
order by 2, 3, 4, 5, 6, 7
