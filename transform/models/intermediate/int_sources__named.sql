-- two sources of one name make one unmapped row: it takes the newest spelling
with spellings as (

    select
        _client_id,
        source_name,
        {{ folded('source_name') }} as source_key,
        row_number() over (
            partition by _client_id, {{ folded('source_name') }}
            order by date desc, source_id asc
        ) as recency
    from {{ ref('stg_redtrack__daily_spend') }}

)

select
    _client_id,
    source_key,
    source_name
from spellings
where recency = 1
