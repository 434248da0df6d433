select
    _client_id,
    date,
    advertiser_id,
    advertiser_label,
    affiliate_label,
    measure,
    source_table,
    everflow_affiliate_id,
    source_id,
    source_name,
    campaign_id,
    offer_id,
    amount,
    is_cost,
    mapping_rule,
    mapping_line,
    load_id
from figure_parts
where _client_id = :client_id and date between :first_date and :last_date
order by
    date,
    source_table,
    measure,
    advertiser_id,
    affiliate_label,
    everflow_affiliate_id,
    source_id,
    campaign_id,
    offer_id
