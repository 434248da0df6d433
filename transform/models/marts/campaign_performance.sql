with campaigns as (

    select * from {{ ref('int_campaigns__costed') }}

),

advertisers as (

    select * from {{ ref('int_advertisers__named') }}

)

select
    -- ids
    campaigns._client_id,
    campaigns.date,
    campaigns.source_id,
    campaigns.source_name,
    campaigns.campaign_id,
    campaigns.campaign_name,
    campaigns.offer_id,
    campaigns.offer_name,
    campaigns.advertiser_id,
    advertisers.advertiser_label,
    campaigns.affiliate_label,

    -- truth
    campaigns.is_unmapped,
    campaigns.mapping_rule,

    -- measures
    campaigns.clicks,
    campaigns.conversions,
    campaigns.cost
from campaigns
left join advertisers
    on
        campaigns._client_id = advertisers._client_id
        and campaigns.advertiser_id = advertisers.advertiser_id
