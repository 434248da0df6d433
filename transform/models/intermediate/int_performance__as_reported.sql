-- Over 120 lines: the ledger again, from raw as of another instant.
-- Raw as of when a day was reported, with the current mapping: its difference from the mart as of
-- then is due to edits of mapping and models, its difference from the current mart to the vendors.
with moments as (

    select distinct
        _client_id,
        date,
        built_at
    from {{ ref('int_days__reported') }}

),

mappings as (

    select * from {{ ref('int_mappings__lines') }}

),

known_stats as (

    {{ known_then_and_now(
        ref('stg_ops__everflow_daily_stats_versions'), ['date', 'affiliate_id', 'advertiser_id']
    ) }}

),

-- an affiliate that was renamed since is listed under its current name
stats as (

    select
        known_stats.*,
        {{ label_key('coalesce(latest.affiliate_label, known_stats.affiliate_label)') }}
            as affiliate_key,
        coalesce(
            {{ label_key('latest.affiliate_label') }}
            <> {{ label_key('known_stats.affiliate_label') }}, false
        ) as is_renamed
    from known_stats
    left join {{ ref('stg_everflow__daily_stats') }} as latest
        on
            known_stats._client_id = latest._client_id
            and known_stats.date = latest.date
            and known_stats.affiliate_id = latest.affiliate_id
            and known_stats.advertiser_id = latest.advertiser_id
    where
        known_stats.is_known_then
        and known_stats.recency_then = 1
        and not known_stats.is_removed

),

known_spend as (

    {{ known_then_and_now(
        ref('stg_ops__redtrack_daily_spend_versions'),
        ['date', 'source_id'],
        ties='versions.is_removed asc, versions.load_id desc',
    ) }}

),

spend as (

    select
        known_spend._client_id,
        known_spend.date,
        known_spend.built_at,
        known_spend.source_id,
        coalesce(latest.source_name, known_spend.source_name) as source_name,
        known_spend.cost,
        coalesce(
            {{ folded('latest.source_name') }} <> {{ folded('known_spend.source_name') }}, false
        ) as is_renamed
    from known_spend
    left join {{ ref('stg_redtrack__daily_spend') }} as latest
        on
            known_spend._client_id = latest._client_id
            and known_spend.date = latest.date
            and known_spend.source_id = latest.source_id
    where
        known_spend.is_known_then
        and known_spend.recency_then = 1
        and not known_spend.is_removed

),

known_campaigns as (

    {{ known_then_and_now(
        ref('stg_ops__redtrack_campaign_spend_versions'),
        ['date', 'source_id', 'campaign_id', 'offer_id'],
        ties='versions.is_removed asc, versions.load_id desc',
    ) }}
    where {{ maps_by_offer('versions._client_id') }}

),

campaigns as (

    select * from known_campaigns
    where is_known_then and recency_then = 1 and not is_removed

),

split as (

    {{ split_spend(
        'spend', 'campaigns', 'mappings',
        measures={'cost': 'decimal(38, 18)'},
        of_spend=['is_renamed'],
        further_key=['built_at'],
    ) }}

),

mapped as (

    {{ mapped_spend('split', ['built_at', 'cost', 'is_renamed']) }}

),

facts as (

    select
        stats._client_id,
        stats.date,
        stats.built_at,
        stats.advertiser_id,
        affiliates.affiliate_label,
        exists(
            select 1
            from mappings
            where
                mappings.is_mapped
                and stats._client_id = mappings._client_id
                and stats.advertiser_id = mappings.advertiser_id
                and stats.affiliate_key = mappings.affiliate_key
                and stats.date between mappings.valid_from and mappings.valid_to
        ) as is_paid_by_spend,
        stats.is_renamed,
        stats.conversions,
        stats.payout as everflow_payout,
        stats.revenue as everflow_revenue,
        cast(null as decimal(38, 18)) as redtrack_cost
    from stats
    left join {{ ref('int_affiliates__named') }} as affiliates
        on
            stats._client_id = affiliates._client_id
            and stats.affiliate_key = affiliates.affiliate_key
    union all
    select
        _client_id,
        date,
        built_at,
        advertiser_id,
        affiliate_label,
        true as is_paid_by_spend,
        is_renamed,
        cast(null as bigint) as conversions,
        cast(null as decimal(38, 18)) as everflow_payout,
        cast(null as decimal(38, 18)) as everflow_revenue,
        cost as redtrack_cost
    from mapped

)

select
    _client_id,
    date,
    built_at,
    advertiser_id,
    lower(affiliate_label) as affiliate_key,
    max(affiliate_label) as affiliate_label,
    bool_or(is_renamed) as is_renamed,
    cast(coalesce(sum(conversions), 0) as decimal(38, 18)) as conversions,
    cast(coalesce(sum(everflow_payout), 0) as decimal(38, 18)) as everflow_payout,
    cast(coalesce(sum(everflow_revenue), 0) as decimal(38, 18)) as everflow_revenue,
    cast(coalesce(sum(redtrack_cost), 0) as decimal(38, 18)) as redtrack_cost,
    cast(
        coalesce(sum(case when is_paid_by_spend then redtrack_cost else everflow_payout end), 0)
        as decimal(38, 18)
    ) as cost
from facts
group by 1, 2, 3, 4, 5
