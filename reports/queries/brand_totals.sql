-- What a day cost by client and advertiser, for the closing table of the main job.
select
    _client_id,
    advertiser_id,
    max(advertiser_label) as advertiser_label,
    sum(conversions) as conversions,
    sum(cost) as cost
from daily_performance
where date = :report_date and not is_unmapped
group by _client_id, advertiser_id
order by _client_id, advertiser_id
