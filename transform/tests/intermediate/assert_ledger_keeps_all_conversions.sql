-- Fails when the ledger drops, doubles or moves Everflow's conversions, payout, revenue or clicks,
-- as a join of spend onto conversions would. Differences are exact, not to the cent.
with facts as (

    select
        _client_id,
        date,
        affiliate_id,
        advertiser_id,
        1 as rows_of_raw,
        clicks,
        conversions,
        payout,
        revenue
    from {{ ref('stg_everflow__daily_stats') }}
    union all
    select
        _client_id,
        date,
        everflow_affiliate_id as affiliate_id,
        advertiser_id,
        -1 as rows_of_raw,
        -clicks as clicks,
        -conversions as conversions,
        -everflow_payout as payout,
        -everflow_revenue as revenue
    from {{ ref('int_performance__ledger') }}
    where source = 'everflow'

)

select
    _client_id,
    date,
    affiliate_id,
    advertiser_id,
    sum(rows_of_raw) as rows_lost,
    sum(clicks) as clicks_lost,
    sum(conversions) as conversions_lost,
    sum(payout) as payout_lost,
    sum(revenue) as revenue_lost
from facts
group by 1, 2, 3, 4
having
    sum(rows_of_raw) <> 0
    or coalesce(sum(clicks), 0) <> 0
    or coalesce(sum(conversions), 0) <> 0
    or coalesce(sum(payout), 0) <> 0
    or coalesce(sum(revenue), 0) <> 0
