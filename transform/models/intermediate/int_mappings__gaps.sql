-- RedTrack's sources that map to no affiliate, and those that the client's file maps, as of their
-- newest day, to another affiliate or advertiser than the links of their offers name.
with ledger as (

    select
        _client_id,
        date,
        source_id,
        source_name,
        advertiser_id,
        affiliate_label,
        is_unmapped,
        mapping_rule,
        mapping_line,
        redtrack_cost
    from {{ ref('int_performance__ledger') }}
    where source = 'redtrack'

),

links as (

    select * from {{ ref('int_sources__linked') }}

),

newest as (

    select
        *,
        row_number() over (
            partition by _client_id, source_id, is_unmapped
            order by date desc, mapping_rule desc
        ) as recency,
        max(date) over (partition by _client_id, source_id) as last_day
    from ledger

),

disputed as (

    select
        newest._client_id,
        newest.source_id,
        newest.affiliate_label,
        newest.advertiser_id
    from newest
    inner join links
        on
            newest._client_id = links._client_id
            and newest.source_id = links.source_id
            and (
                {{ label_key('newest.affiliate_label') }} <> links.affiliate_key
                or newest.advertiser_id <> links.advertiser_id
            )
    where
        not newest.is_unmapped
        and newest.mapping_rule = 'csv'
        and newest.recency = 1
        and newest.date = newest.last_day

)

select
    newest._client_id,
    newest.source_id,
    case when newest.is_unmapped then 'unmapped' else 'disputed' end as gap,
    max(case when newest.recency = 1 then newest.source_name end) as source_name,
    max(newest.advertiser_id) as advertiser_id,
    max(disputed.affiliate_label) as affiliate_label,
    max(case when newest.recency = 1 then newest.mapping_line end) as mapping_line,
    min(newest.date) as first_seen,
    max(newest.date) as last_seen,
    count(distinct newest.date) as days,
    cast(coalesce(sum(newest.redtrack_cost), 0) as decimal(38, 18)) as cost
from newest
left join disputed
    on
        newest._client_id = disputed._client_id
        and newest.source_id = disputed.source_id
        and newest.affiliate_label = disputed.affiliate_label
        and newest.advertiser_id = disputed.advertiser_id
where newest.is_unmapped or disputed.source_id is not null
group by 1, 2, 3
