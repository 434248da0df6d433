with ledger as (

    select * from {{ ref('int_performance__ledger') }}

),

suggestions as (

    select * from {{ ref('int_mappings__suggested') }}

),

links as (

    select * from {{ ref('int_sources__linked') }}

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

    -- a hint for the person who keeps the file: what a link says is more than a likeness of names
    coalesce(links.affiliate_label, suggestions.affiliate_label) as suggested_affiliate_label,
    case
        when links.source_id is not null then links.advertiser_id
        else suggestions.advertiser_id
    end as suggested_advertiser_id,
    case when links.source_id is null then suggestions.similarity end as similarity,
    case
        when links.source_id is not null then 'link'
        when suggestions.source_id is not null then 'name'
    end as suggested_by
from gaps
left join links
    on
        gaps._client_id = links._client_id
        and gaps.source_id = links.source_id
left join suggestions
    on
        gaps._client_id = suggestions._client_id
        and gaps.source_id = suggestions.source_id
