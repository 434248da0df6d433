with ledger as (

    select * from {{ ref('int_performance__ledger') }}

),

affiliate_days as (

    select
        _client_id,
        date,
        advertiser_id,
        advertiser_label,
        affiliate_id,
        affiliate_label,
        is_internal,
        is_unmapped,
        -- a spend row whose cost RedTrack left out says nothing of the cost
        count(redtrack_cost) > 0 as has_spend,
        cast(coalesce(sum(clicks), 0) as bigint) as clicks,
        cast(coalesce(sum(conversions), 0) as bigint) as conversions,
        cast(coalesce(sum(everflow_payout), 0) as decimal(38, 18)) as everflow_payout,
        cast(coalesce(sum(everflow_revenue), 0) as decimal(38, 18)) as everflow_revenue,
        cast(coalesce(sum(redtrack_clicks), 0) as bigint) as redtrack_clicks,
        -- a check, not a fact: null where RedTrack said nothing of it
        cast(sum(redtrack_conversions) as bigint) as redtrack_conversions,
        cast(coalesce(sum(redtrack_cost), 0) as decimal(38, 18)) as redtrack_cost
    from ledger
    group by 1, 2, 3, 4, 5, 6, 7, 8

)

select
    *,
    case when is_internal or is_unmapped then redtrack_cost else everflow_payout end as cost
from affiliate_days
