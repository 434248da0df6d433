-- The spend of a source by campaign and offer, with a separate row for the remainder.
-- depends_on: {{ ref('stg_ops__control_totals') }}
with campaign_spend as (

    select * from {{ ref('stg_redtrack__campaign_spend') }}

),

daily_spend as (

    select * from {{ ref('stg_redtrack__daily_spend') }}

),

sums as (

    select
        _client_id,
        date,
        source_id,
        max(source_name) as source_name,
        sum(coalesce(clicks, 0)) as clicks,
        sum(coalesce(conversions, 0)) as conversions,
        sum(coalesce(cost, 0)) as cost
    from campaign_spend
    group by 1, 2, 3

),

spend as (

    select
        campaign_spend._client_id,
        campaign_spend.date,
        campaign_spend.source_id,
        coalesce(daily_spend.source_name, campaign_spend.source_name) as source_name,
        campaign_spend.campaign_id,
        campaign_spend.campaign_name,
        campaign_spend.offer_id,
        campaign_spend.offer_name,
        false as is_remainder,
        cast(coalesce(campaign_spend.clicks, 0) as bigint) as clicks,
        cast(coalesce(campaign_spend.conversions, 0) as bigint) as conversions,
        cast(coalesce(campaign_spend.cost, 0) as decimal(38, 18)) as cost
    from campaign_spend
    left join daily_spend
        on
            campaign_spend._client_id = daily_spend._client_id
            and campaign_spend.date = daily_spend.date
            and campaign_spend.source_id = daily_spend.source_id
    union all
    select
        coalesce(daily_spend._client_id, sums._client_id) as _client_id,
        coalesce(daily_spend.date, sums.date) as date,
        coalesce(daily_spend.source_id, sums.source_id) as source_id,
        coalesce(daily_spend.source_name, sums.source_name) as source_name,
        null as campaign_id,
        null as campaign_name,
        null as offer_id,
        null as offer_name,
        true as is_remainder,
        cast(coalesce(daily_spend.clicks, 0) - coalesce(sums.clicks, 0) as bigint) as clicks,
        cast(coalesce(daily_spend.conversions, 0) - coalesce(sums.conversions, 0) as bigint)
            as conversions,
        cast(coalesce(daily_spend.cost, 0) - coalesce(sums.cost, 0) as decimal(38, 18)) as cost
    from daily_spend
    full outer join sums
        on
            daily_spend._client_id = sums._client_id
            and daily_spend.date = sums.date
            and daily_spend.source_id = sums.source_id
    where
        coalesce(daily_spend.cost, 0) <> coalesce(sums.cost, 0)
        or coalesce(daily_spend.clicks, 0) <> coalesce(sums.clicks, 0)
        or coalesce(daily_spend.conversions, 0) <> coalesce(sums.conversions, 0)

)

{{ mapped_spend('spend', ['campaign_name', 'offer_name', 'clicks', 'conversions', 'cost']) }}
