-- Whose a source is by the links of its offers: Everflow's ids that the target address carries as
-- parameters (`oid`, `affid` and their like), where all its offers that spent agree. A hint, and
-- unverified (docs/sources.md): ids that a link carries encoded in its path are not read.
with redtrack_offers as (

    select * from {{ ref('stg_redtrack__offers') }}

),

campaign_spend as (

    select * from {{ ref('stg_redtrack__campaign_spend') }}

),

everflow_offers as (

    select * from {{ ref('stg_everflow__offers') }}

),

affiliates as (

    select * from {{ ref('stg_everflow__affiliates') }}

),

links as (

    select
        _client_id,
        offer_id,
        {{ link_parameter('target_url', 'oid|offer_id|offerid') }} as everflow_offer_id,
        {{ link_parameter('target_url', 'affid|aff_id|affiliate_id|affiliateid') }} as affiliate_id
    from redtrack_offers

),

spending as (

    select distinct
        _client_id,
        source_id,
        offer_id
    from campaign_spend
    where cost > 0

),

named as (

    select
        spending._client_id,
        spending.source_id,
        affiliates.affiliate_label,
        everflow_offers.advertiser_id
    from spending
    inner join links
        on
            spending._client_id = links._client_id
            and spending.offer_id = links.offer_id
    inner join affiliates
        on
            links._client_id = affiliates._client_id
            and links.affiliate_id = affiliates.affiliate_id
    inner join everflow_offers
        on
            links._client_id = everflow_offers._client_id
            and links.everflow_offer_id = everflow_offers.offer_id

)

select
    _client_id,
    source_id,
    min(affiliate_label) as affiliate_label,
    min(advertiser_id) as advertiser_id
from named
group by 1, 2
having count(distinct affiliate_label) = 1 and count(distinct advertiser_id) = 1
