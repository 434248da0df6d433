-- The spend of a source by campaign and offer; what campaigns do not add up to is a row of its own.
-- depends_on: {{ ref('stg_ops__control_totals') }}
with campaign_spend as (

    select * from {{ ref('stg_redtrack__campaign_spend') }}

),

spend as (

    select * from {{ ref('int_spend__mapped') }}

),

sums as (

    select
        _client_id,
        date,
        source_id,
        sum(coalesce(clicks, 0)) as clicks,
        sum(coalesce(conversions, 0)) as conversions,
        sum(coalesce(cost, 0)) as cost
    from campaign_spend
    group by 1, 2, 3

),

parts as (

    select
        _client_id,
        date,
        source_id,
        campaign_id,
        campaign_name,
        offer_id,
        offer_name,
        false as is_remainder,
        coalesce(clicks, 0) as clicks,
        coalesce(conversions, 0) as conversions,
        coalesce(cost, 0) as cost
    from campaign_spend
    union all
    select
        coalesce(spend._client_id, sums._client_id) as _client_id,
        coalesce(spend.date, sums.date) as date,
        coalesce(spend.source_id, sums.source_id) as source_id,
        null as campaign_id,
        null as campaign_name,
        null as offer_id,
        null as offer_name,
        true as is_remainder,
        coalesce(spend.clicks, 0) - coalesce(sums.clicks, 0) as clicks,
        coalesce(spend.conversions, 0) - coalesce(sums.conversions, 0) as conversions,
        coalesce(spend.cost, 0) - coalesce(sums.cost, 0) as cost
    from spend
    full outer join sums
        on
            spend._client_id = sums._client_id
            and spend.date = sums.date
            and spend.source_id = sums.source_id
    where
        coalesce(spend.cost, 0) <> coalesce(sums.cost, 0)
        or coalesce(spend.clicks, 0) <> coalesce(sums.clicks, 0)
        or coalesce(spend.conversions, 0) <> coalesce(sums.conversions, 0)

)

select
    parts._client_id,
    parts.date,
    parts.source_id,
    spend.source_name,
    parts.campaign_id,
    parts.campaign_name,
    parts.offer_id,
    parts.offer_name,
    spend.advertiser_id,
    spend.affiliate_label,
    coalesce(spend.is_unmapped, true) as is_unmapped,
    case
        when parts.is_remainder then 'remainder' else coalesce(spend.mapping_rule, 'unmapped')
    end as mapping_rule,
    cast(parts.clicks as bigint) as clicks,
    cast(parts.conversions as bigint) as conversions,
    cast(parts.cost as decimal(38, 18)) as cost
from parts
left join spend
    on
        parts._client_id = spend._client_id
        and parts.date = spend.date
        and parts.source_id = spend.source_id
