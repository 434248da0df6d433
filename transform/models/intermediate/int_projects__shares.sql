-- Over 120 lines: three ways to allocate, tried in order, each with its own weights.
-- Which projects each row of the costed ledger belongs to, and with what weight. An advertiser
-- whose offers are one project has one share. One whose offers differ is allocated by the
-- conversions of the affiliate that day; if it has none (spend before conversions), by those of the
-- advertiser that day; if that has none either, it is unknown: one share of no project.
with costed as (

    select * from {{ ref('int_performance__costed') }}

),

projects as (

    select * from {{ ref('stg_clients__projects') }}

),

conversions as (

    select * from {{ ref('int_conversions__projected') }}

),

affiliate_days as (

    select
        costed._client_id,
        costed.date,
        costed.advertiser_id,
        costed.affiliate_label,
        max(case when projects.offer_id is null then projects.project end) as project,
        coalesce(bool_or(projects.offer_id is not null), false) as is_split
    from costed
    left join projects
        on
            costed._client_id = projects._client_id
            and costed.advertiser_id = projects.advertiser_id
            and costed.date between projects.valid_from and projects.valid_to
    group by 1, 2, 3, 4

),

converting_affiliates as (

    select
        _client_id,
        date,
        advertiser_id,
        affiliate_label
    from conversions
    group by 1, 2, 3, 4
    having sum(conversions) > 0

),

advertiser_conversions as (

    select
        _client_id,
        date,
        advertiser_id,
        project,
        cast(sum(conversions) as bigint) as conversions
    from conversions
    group by 1, 2, 3, 4
    having sum(conversions) > 0

),

checked as (

    select
        affiliate_days._client_id,
        affiliate_days.date,
        affiliate_days.advertiser_id,
        affiliate_days.affiliate_label,
        affiliate_days.project,
        case
            when not affiliate_days.is_split then 'whole'
            when converting_affiliates._client_id is not null then 'affiliate'
            else 'advertiser'
        end as share_basis
    from affiliate_days
    left join converting_affiliates
        on
            affiliate_days._client_id = converting_affiliates._client_id
            and affiliate_days.date = converting_affiliates.date
            and affiliate_days.advertiser_id = converting_affiliates.advertiser_id
            and affiliate_days.affiliate_label = converting_affiliates.affiliate_label

)

select
    checked._client_id,
    checked.date,
    checked.advertiser_id,
    checked.affiliate_label,
    checked.project,
    checked.share_basis,
    cast(1 as bigint) as weight
from checked
where checked.share_basis = 'whole'
union all
select
    checked._client_id,
    checked.date,
    checked.advertiser_id,
    checked.affiliate_label,
    conversions.project,
    checked.share_basis,
    conversions.conversions as weight
from checked
inner join conversions
    on
        checked._client_id = conversions._client_id
        and checked.date = conversions.date
        and checked.advertiser_id = conversions.advertiser_id
        and checked.affiliate_label = conversions.affiliate_label
where checked.share_basis = 'affiliate'
union all
select
    checked._client_id,
    checked.date,
    checked.advertiser_id,
    checked.affiliate_label,
    advertiser_conversions.project,
    case
        when advertiser_conversions.conversions is null then 'unknown' else checked.share_basis
    end as share_basis,
    coalesce(advertiser_conversions.conversions, 1) as weight
from checked
left join advertiser_conversions
    on
        checked._client_id = advertiser_conversions._client_id
        and checked.date = advertiser_conversions.date
        and checked.advertiser_id = advertiser_conversions.advertiser_id
where checked.share_basis = 'advertiser'
