-- The month up to the report's day, by brand, with unmapped spend separate.
select
    _client_id,
    advertiser_id,
    is_unmapped,
    sum(conversions) as conversions,
    sum(cost) as cost,
    max(case when cpa_state = 'missing_spend' then 1 else 0 end) as is_spend_missing
from daily_performance
where
    _client_id = :client_id
    and date between :month_start and :report_date
    and advertiser_id is not null
group by 1, 2, 3
