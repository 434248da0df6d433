with ledger as (

    select * from {{ ref('int_performance__ledger') }}

),

suggestions as (

    select * from {{ ref('int_mappings__suggested') }}

),

versioned as (

    select
        _client_id,
        source_id,
        source_name,
        advertiser_id,
        date,
        redtrack_cost,
        row_number() over (
            partition by _client_id, source_id
            order by date desc
        ) as recency
    from ledger
    where is_unmapped

),

gaps as (

    select
        _client_id,
        source_id,
        max(case when recency = 1 then source_name end) as source_name,
        max(advertiser_id) as advertiser_id,
        min(date) as first_seen,
        max(date) as last_seen,
        count(*) as days,
        cast(coalesce(sum(redtrack_cost), 0) as decimal(38, 18)) as cost
    from versioned
    group by 1, 2

)

select
    -- ids
    gaps._client_id,
    gaps.source_id,
    gaps.source_name,
    gaps.advertiser_id,

    -- dates
    gaps.first_seen,
    gaps.last_seen,

    -- measures
    gaps.days,
    gaps.cost,

    -- a hint for the person who keeps the file
    suggestions.affiliate_label as suggested_affiliate_label,
    suggestions.advertiser_id as suggested_advertiser_id,
    suggestions.similarity
from gaps
left join suggestions
    on
        gaps._client_id = suggestions._client_id
        and gaps.source_id = suggestions.source_id
