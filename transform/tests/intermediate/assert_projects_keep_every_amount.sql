-- Fails when allocating an affiliate's day to projects loses, duplicates or moves anything: the
-- parts must add up to each row of the costed ledger, and there may be no others.
with facts as (

    select
        _client_id,
        date,
        advertiser_id,
        affiliate_label,
        conversions,
        everflow_payout,
        everflow_revenue,
        redtrack_cost,
        cost
    from {{ ref('int_performance__costed') }}
    union all
    select
        _client_id,
        date,
        advertiser_id,
        affiliate_label,
        -conversions as conversions,
        -everflow_payout as everflow_payout,
        -everflow_revenue as everflow_revenue,
        -redtrack_cost as redtrack_cost,
        -cost as cost
    from {{ ref('int_performance__shared') }}

)

select
    _client_id,
    date,
    advertiser_id,
    affiliate_label,
    sum(conversions) as conversions_lost,
    sum(everflow_payout) as payout_lost,
    sum(everflow_revenue) as revenue_lost,
    sum(redtrack_cost) as spend_lost,
    sum(cost) as cost_lost
from facts
group by 1, 2, 3, 4
having
    coalesce(sum(conversions), 0) <> 0
    or coalesce(sum(everflow_payout), 0) <> 0
    or coalesce(sum(everflow_revenue), 0) <> 0
    or coalesce(sum(redtrack_cost), 0) <> 0
    or coalesce(sum(cost), 0) <> 0
