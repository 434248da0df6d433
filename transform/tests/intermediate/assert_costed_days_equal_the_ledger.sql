-- Fails when summing the ledger loses or duplicates anything, or takes an affiliate's cost from the
-- wrong side: per client and day the cost must be all spend plus the payout of external affiliates.
with facts as (

    select
        _client_id,
        date,
        conversions,
        everflow_payout,
        everflow_revenue,
        redtrack_cost,
        case
            when source = 'redtrack' then redtrack_cost
            when not is_internal then everflow_payout
        end as cost
    from {{ ref('int_performance__ledger') }}
    union all
    select
        _client_id,
        date,
        -conversions as conversions,
        -everflow_payout as everflow_payout,
        -everflow_revenue as everflow_revenue,
        -redtrack_cost as redtrack_cost,
        -cost as cost
    from {{ ref('int_performance__costed') }}

)

select
    _client_id,
    date,
    sum(conversions) as conversions_lost,
    sum(everflow_payout) as payout_lost,
    sum(everflow_revenue) as revenue_lost,
    sum(redtrack_cost) as spend_lost,
    sum(cost) as cost_lost
from facts
group by 1, 2
having
    coalesce(sum(conversions), 0) <> 0
    or coalesce(sum(everflow_payout), 0) <> 0
    or coalesce(sum(everflow_revenue), 0) <> 0
    or coalesce(sum(redtrack_cost), 0) <> 0
    or coalesce(sum(cost), 0) <> 0
