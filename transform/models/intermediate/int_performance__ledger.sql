-- Over 120 lines: two sources stacked, every column of each written out.
-- Everflow's facts and RedTrack's facts stacked, never joined: a join would double conversions
-- where several sources feed one affiliate, and lose spend that nothing converted.
-- depends_on: {{ ref('stg_ops__control_totals') }}
with daily_stats as (

    select
        *,
        {{ label_key('affiliate_label') }} as affiliate_key
    from {{ ref('stg_everflow__daily_stats') }}

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

-- several sources may pay for one affiliate: once is enough
internal_days as (

    select
        daily_stats._client_id,
        daily_stats.date,
        daily_stats.advertiser_id,
        daily_stats.affiliate_key,
        min(mappings.line_number) as mapping_line
    from daily_stats
    inner join mappings
        on
            daily_stats._client_id = mappings._client_id
            and daily_stats.advertiser_id = mappings.advertiser_id
            and daily_stats.affiliate_key = mappings.affiliate_key
            and daily_stats.date between mappings.valid_from and mappings.valid_to
    where mappings.is_mapped
    group by 1, 2, 3, 4

),

facts as (

    select
        daily_stats._client_id,
        daily_stats.date,
        'everflow' as source,
        daily_stats.advertiser_id,
        affiliates.affiliate_id,
        affiliates.affiliate_label,
        internal_days.affiliate_key is not null as is_internal,
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
        cast(null as decimal(38, 18)) as redtrack_cost,
        case when internal_days.affiliate_key is not null then 'csv' end as mapping_rule,
        internal_days.mapping_line,
        daily_stats.load_id
    from daily_stats
    left join affiliates
        on
            daily_stats._client_id = affiliates._client_id
            and daily_stats.affiliate_key = affiliates.affiliate_key
    left join internal_days
        on
            daily_stats._client_id = internal_days._client_id
            and daily_stats.date = internal_days.date
            and daily_stats.advertiser_id = internal_days.advertiser_id
            and daily_stats.affiliate_key = internal_days.affiliate_key
    union all
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
        cost as redtrack_cost,
        mapping_rule,
        mapping_line,
        load_id
    from spend

)

select
    facts.*,
    advertisers.advertiser_label
from facts
left join advertisers
    on
        facts._client_id = advertisers._client_id
        and facts.advertiser_id = advertisers.advertiser_id
