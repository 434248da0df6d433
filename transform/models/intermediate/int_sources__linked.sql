-- The affiliate of a source by the links of its offers, if all with spend and a known link agree.
-- It is a hint: only `mapping: offer` in the registry makes lines from links (int_mappings__lines).
with links as (

    select * from {{ ref('int_offers__linked') }}

),

campaign_spend as (

    select * from {{ ref('stg_redtrack__campaign_spend') }}

),

named as (

    select distinct
        campaign_spend._client_id,
        campaign_spend.source_id,
        links.affiliate_label,
        links.affiliate_key,
        links.affiliate_id,
        links.advertiser_id
    from campaign_spend
    inner join links
        on
            campaign_spend._client_id = links._client_id
            and campaign_spend.offer_id = links.offer_id
    where campaign_spend.cost > 0

)

select
    _client_id,
    source_id,
    min(affiliate_label) as affiliate_label,
    affiliate_key,
    min(affiliate_id) as affiliate_id,
    advertiser_id
from (
    select
        *,
        min(affiliate_key) over (partition by _client_id, source_id) as first_key,
        max(affiliate_key) over (partition by _client_id, source_id) as last_key,
        min(advertiser_id) over (partition by _client_id, source_id) as first_advertiser_id,
        max(advertiser_id) over (partition by _client_id, source_id) as last_advertiser_id
    from named
) as compared
where first_key = last_key and first_advertiser_id = last_advertiser_id
group by _client_id, source_id, affiliate_key, advertiser_id
