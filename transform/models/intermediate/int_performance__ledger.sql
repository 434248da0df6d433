-- Everflow's facts and RedTrack's facts stacked, never joined: a join would double conversions
-- where several sources feed one affiliate, and lose spend that nothing converted.
-- depends_on: {{ ref('int_raw_days__reconciled') }}
with daily_stats as (

    select * from {{ ref('stg_everflow__daily_stats') }}

),

spend as (

    select * from {{ ref('int_spend__mapped') }}

),

mappings as (

    select * from {{ ref('stg_clients__internal_affiliates') }}

),

affiliates as (

    select * from {{ ref('int_affiliates__named') }}

),

advertisers as (

    select * from {{ ref('int_advertisers__named') }}

),

internal_affiliates as (

    select distinct
        _client_id,
        advertiser_id,
        affiliate_key
    from mappings
    where is_mapped

),

everflow_facts as (

    select
        daily_stats._client_id,
        daily_stats.date,
        'everflow' as source,
        daily_stats.advertiser_id,
        affiliates.affiliate_id,
        affiliates.affiliate_label,
        internal_affiliates.affiliate_key is not null as is_internal,
        false as is_unmapped,
        daily_stats.affiliate_id as everflow_affiliate_id,
        cast(null as text) as source_id,
        cast(null as text) as source_name,
        daily_stats.clicks,
        daily_stats.conversions,
        daily_stats.payout as everflow_payout,
        daily_stats.revenue as everflow_revenue,
        cast(null as bigint) as redtrack_clicks,
        cast(null as bigint) as redtrack_conversions,
        cast(null as decimal(38, 18)) as redtrack_cost
    from daily_stats
    left join affiliates
        on
            daily_stats._client_id = affiliates._client_id
            and {{ folded('daily_stats.affiliate_label') }} = affiliates.affiliate_key
    left join internal_affiliates
        on
            daily_stats._client_id = internal_affiliates._client_id
            and daily_stats.advertiser_id = internal_affiliates.advertiser_id
            and {{ folded('daily_stats.affiliate_label') }} = internal_affiliates.affiliate_key

),

redtrack_facts as (

    select
        _client_id,
        date,
        'redtrack' as source,
        advertiser_id,
        affiliate_id,
        affiliate_label,
        not is_unmapped as is_internal,
        is_unmapped,
        cast(null as bigint) as everflow_affiliate_id,
        source_id,
        source_name,
        cast(null as bigint) as clicks,
        cast(null as bigint) as conversions,
        cast(null as decimal(38, 18)) as everflow_payout,
        cast(null as decimal(38, 18)) as everflow_revenue,
        clicks as redtrack_clicks,
        conversions as redtrack_conversions,
        cost as redtrack_cost
    from spend

),

facts as (

    select * from everflow_facts
    union all
    select * from redtrack_facts

),

labelled as (

    select
        facts._client_id,
        facts.date,
        facts.source,
        facts.advertiser_id,
        advertisers.advertiser_label,
        facts.affiliate_id,
        facts.affiliate_label,
        facts.is_internal,
        facts.is_unmapped,
        facts.everflow_affiliate_id,
        facts.source_id,
        facts.source_name,
        facts.clicks,
        facts.conversions,
        facts.everflow_payout,
        facts.everflow_revenue,
        facts.redtrack_clicks,
        facts.redtrack_conversions,
        facts.redtrack_cost
    from facts
    left join advertisers
        on
            facts._client_id = advertisers._client_id
            and facts.advertiser_id = advertisers.advertiser_id

)

select * from labelled
