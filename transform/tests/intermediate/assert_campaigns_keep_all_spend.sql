-- Fails when spend by campaign, with the remainder, is not the spend of its source, to the
-- last digit.
with facts as (

    select
        _client_id,
        date,
        source_id,
        coalesce(cost, 0) as cost
    from {{ ref('stg_redtrack__daily_spend') }}
    union all
    select
        _client_id,
        date,
        source_id,
        -cost as cost
    from {{ ref('int_campaigns__costed') }}

)

select
    _client_id,
    date,
    source_id,
    sum(cost) as cost_lost
from facts
group by 1, 2, 3
having sum(cost) <> 0
