-- Paid media with conversions but no spend row: its CPA is unknown, the week's too low.
select
    _client_id,
    date,
    advertiser_id,
    affiliate_label
from daily_performance
where
    _client_id = :client_id
    and date between :first_date and :asked_date
    and cpa_state = 'missing_spend'
