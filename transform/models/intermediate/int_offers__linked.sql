-- The affiliate and advertiser of a RedTrack offer by its target URL: Everflow's ids as parameters
-- (`oid`, `affid` and similar), or their codes in its path. If both are present they must agree.
-- Unverified (docs/sources.md). Advertisers that the registry does not list are ignored.
with redtrack_offers as (

    select * from {{ ref('stg_redtrack__offers') }}

),

codes as (

    select * from {{ ref('stg_everflow__tracking_codes') }}

),

everflow_offers as (

    select * from {{ ref('stg_everflow__offers') }}

),

affiliates as (

    select * from {{ ref('stg_everflow__affiliates') }}

),

advertisers as (

    select * from {{ ref('stg_everflow__advertisers') }}

),

addressed as (

    select
        _client_id,
        offer_id,
        {{ link_parameter('target_url', 'oid|offer_id|offerid') }} as named_offer_id,
        {{ link_parameter('target_url', 'affid|aff_id|affiliate_id|affiliateid') }}
            as named_affiliate_id,
        {{ link_code('target_url', 1) }} as affiliate_code,
        {{ link_code('target_url', 2) }} as offer_code
    from redtrack_offers

),

identified as (

    select
        addressed._client_id,
        addressed.offer_id,
        coalesce(coded_offers.coded_id, addressed.named_offer_id) as everflow_offer_id,
        case
            when coded_offers.coded_id is not null then coded_affiliates.coded_id
            else addressed.named_affiliate_id
        end as affiliate_id,
        case when coded_offers.coded_id is not null then 'path' else 'parameters' end as link_form
    from addressed
    left join codes as coded_affiliates
        on
            addressed._client_id = coded_affiliates._client_id
            and addressed.affiliate_code = coded_affiliates.code
            and coded_affiliates.kind = 'affiliate'
    left join codes as coded_offers
        on
            addressed._client_id = coded_offers._client_id
            and addressed.offer_code = coded_offers.code
            and coded_offers.kind = 'offer'
            and coded_affiliates.coded_id is not null
    where
        coalesce(coded_offers.coded_id = addressed.named_offer_id, true)
        and coalesce(coded_affiliates.coded_id = addressed.named_affiliate_id, true)

)

select
    identified._client_id,
    identified.offer_id,
    identified.everflow_offer_id,
    identified.affiliate_id,
    affiliates.affiliate_label,
    {{ label_key('affiliates.affiliate_label') }} as affiliate_key,
    everflow_offers.advertiser_id,
    advertisers.advertiser_label,
    identified.link_form
from identified
inner join affiliates
    on
        identified._client_id = affiliates._client_id
        and identified.affiliate_id = affiliates.affiliate_id
inner join everflow_offers
    on
        identified._client_id = everflow_offers._client_id
        and identified.everflow_offer_id = everflow_offers.offer_id
left join advertisers
    on
        everflow_offers._client_id = advertisers._client_id
        and everflow_offers.advertiser_id = advertisers.advertiser_id
where {{ is_known_advertiser('everflow_offers._client_id', 'everflow_offers.advertiser_id') }}
