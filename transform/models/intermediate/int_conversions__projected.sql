-- single conversions have an offer, unlike daily totals: an offer's line in the client's file takes
-- precedence over the line of its advertiser
with conversions as (

    select * from {{ ref('stg_everflow__conversions') }}

),

projects as (

    select * from {{ ref('stg_clients__projects') }}

),

ledger as (

    select * from {{ ref('int_performance__ledger') }}

),

-- what Everflow counts as `cv`, plus view-through conversions, which may be paid too
approved as (

    select
        _client_id,
        date,
        advertiser_id,
        affiliate_id,
        offer_id,
        case when is_view_through then 0 else 1 end as conversions,
        -- the totals are US dollars
        case when currency = 'USD' then payout end as payout,
        case when currency = 'USD' then revenue end as revenue
    from conversions
    where status = 'approved' and not coalesce(is_event, false)

),

labelled as (

    select
        approved._client_id,
        approved.date,
        approved.advertiser_id,
        ledger.affiliate_label,
        coalesce(offer_projects.project, advertiser_projects.project) as project,
        approved.conversions,
        approved.payout,
        approved.revenue
    from approved
    inner join ledger
        on
            approved._client_id = ledger._client_id
            and approved.date = ledger.date
            and approved.advertiser_id = ledger.advertiser_id
            and approved.affiliate_id = ledger.everflow_affiliate_id
    left join projects as offer_projects
        on
            approved._client_id = offer_projects._client_id
            and approved.advertiser_id = offer_projects.advertiser_id
            and approved.offer_id = offer_projects.offer_id
            and approved.date between offer_projects.valid_from and offer_projects.valid_to
    left join projects as advertiser_projects
        on
            approved._client_id = advertiser_projects._client_id
            and approved.advertiser_id = advertiser_projects.advertiser_id
            and advertiser_projects.offer_id is null
            and approved.date between advertiser_projects.valid_from
            and advertiser_projects.valid_to

)

select
    _client_id,
    date,
    advertiser_id,
    affiliate_label,
    project,
    cast(sum(conversions) as bigint) as conversions,
    cast(sum(payout) as decimal(38, 18)) as payout,
    cast(sum(revenue) as decimal(38, 18)) as revenue
from labelled
group by 1, 2, 3, 4, 5
