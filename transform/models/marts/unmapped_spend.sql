with ledger as (

    select * from {{ ref('int_performance__ledger') }}

)

select
    -- ids
    _client_id,
    date,
    source_id,
    source_name,
    advertiser_id,
    advertiser_label,

    -- measures
    cast(coalesce(sum(redtrack_cost), 0) as decimal(38, 18)) as cost
from ledger
where is_unmapped
group by 1, 2, 3, 4, 5, 6
