-- Over 120 lines: two states of two ledgers, conversions and adjustments.
-- Conversions and adjustments that changed since a day was reported, by line and cause.
with moments as (

    select distinct
        _client_id,
        date,
        built_at
    from {{ ref('int_days__reported') }}

),

offers as (

    select * from {{ ref('stg_everflow__offers') }}

),

-- the state of each conversion then and now: the newest version by each instant
versions as (

    {{ known_then_and_now(
        ref('stg_ops__everflow_conversions_versions'), ['date', 'conversion_id']
    ) }}

),

counted as (

    {% for state, condition in {
        'before': 'is_known_then and recency_then = 1',
        'after': 'recency_now = 1',
    }.items() %}
    select
        _client_id,
        date,
        built_at,
        conversion_id,
        affiliate_id,
        advertiser_id,
        '{{ state }}' as state,
        case when is_view_through then 0 else 1 end as conversions,
        coalesce(payout, 0) as payout,
        coalesce(revenue, 0) as revenue
    from versions
    where {{ condition }} and not is_removed and is_counted
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

compared as (

    select
        _client_id,
        date,
        built_at,
        conversion_id,
        affiliate_id,
        advertiser_id,
        case
            when count(*) = 2 then 'payout_change'
            when max(state) = 'after' then 'late_conversion'
            else 'reversed_conversion'
        end as cause,
        sum(case when state = 'after' then conversions else -conversions end) as conversions,
        sum(case when state = 'after' then payout else -payout end) as payout,
        sum(case when state = 'after' then revenue else -revenue end) as revenue
    from counted
    group by 1, 2, 3, 4, 5, 6

),

adjustments as (

    {{ known_then_and_now(ref('stg_ops__everflow_adjustments_versions'), ['adjustment_id']) }}

),

adjusted as (

    {% for sign, condition in {
        '-': 'adjustments.is_known_then and adjustments.recency_then = 1',
        '': 'adjustments.recency_now = 1',
    }.items() %}
    select
        adjustments._client_id,
        adjustments.date,
        adjustments.built_at,
        adjustments.affiliate_id,
        offers.advertiser_id,
        {{ sign }}coalesce(adjustments.conversions, 0) as conversions,
        {{ sign }}coalesce(adjustments.payout, 0) as payout,
        {{ sign }}coalesce(adjustments.revenue, 0) as revenue
    from adjustments
    left join offers
        on
            adjustments._client_id = offers._client_id
            and adjustments.offer_id = offers.offer_id
    where {{ condition }} and not adjustments.is_removed
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

caused as (

    select
        _client_id,
        date,
        built_at,
        affiliate_id,
        advertiser_id,
        cause,
        conversions,
        payout,
        revenue
    from compared
    union all
    select
        _client_id,
        date,
        built_at,
        affiliate_id,
        advertiser_id,
        'adjustment' as cause,
        conversions,
        payout,
        revenue
    from adjusted

),

-- the line of an affiliate's id: by its current name in the ledger, else in Everflow's list
lines as (

    select
        _client_id,
        everflow_affiliate_id as affiliate_id,
        max(affiliate_label) as affiliate_label
    from {{ ref('int_performance__ledger') }}
    where source = 'everflow'
    group by 1, 2

)

select
    caused._client_id,
    caused.date,
    caused.built_at,
    caused.advertiser_id,
    lower(lines.affiliate_label) as affiliate_key,
    caused.cause,
    cast(sum(caused.conversions) as decimal(38, 18)) as conversions,
    cast(sum(caused.payout) as decimal(38, 18)) as everflow_payout,
    cast(sum(caused.revenue) as decimal(38, 18)) as everflow_revenue
from caused
inner join lines
    on
        caused._client_id = lines._client_id
        and caused.affiliate_id = lines.affiliate_id
group by 1, 2, 3, 4, 5, 6
