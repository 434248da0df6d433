-- Fails when the ledger drops, duplicates or moves RedTrack spend or clicks: a source, day or
-- client would then have money that another one spent. Differences are exact, not to the cent.
with facts as (

    select
        _client_id,
        date,
        source_id,
        1 as rows_of_raw,
        clicks,
        cost
    from {{ ref('stg_redtrack__daily_spend') }}
    union all
    select
        _client_id,
        date,
        source_id,
        -1 as rows_of_raw,
        -redtrack_clicks as clicks,
        -redtrack_cost as cost
    from {{ ref('int_performance__ledger') }}
    where source = 'redtrack'

)

select
    _client_id,
    date,
    source_id,
    sum(rows_of_raw) as rows_lost,
    sum(clicks) as clicks_lost,
    sum(cost) as cost_lost
from facts
group by 1, 2, 3
having
    sum(rows_of_raw) <> 0
    or coalesce(sum(clicks), 0) <> 0
    or coalesce(sum(cost), 0) <> 0
