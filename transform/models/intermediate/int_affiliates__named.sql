-- one spelling of each label: Everflow's newest; where Everflow has not shown it yet, the first of
-- the client's file, so that two spellings there are one affiliate
with daily_stats as (

    select * from {{ ref('stg_everflow__daily_stats') }}

),

internal_affiliates as (

    select * from {{ ref('stg_clients__internal_affiliates') }}

),

spellings as (

    select
        _client_id,
        affiliate_label,
        affiliate_id,
        date,
        advertiser_id
    from daily_stats
    union all
    select distinct
        _client_id,
        affiliate_label,
        cast(null as bigint) as affiliate_id,
        date '0001-01-01' as date,
        cast(null as bigint) as advertiser_id
    from internal_affiliates
    where is_mapped

),

versioned as (

    select
        _client_id,
        {{ label_key('affiliate_label') }} as affiliate_key,
        affiliate_label,
        min(affiliate_id) over (
            partition by _client_id, {{ label_key('affiliate_label') }}
        ) as affiliate_id,
        row_number() over (
            partition by _client_id, {{ label_key('affiliate_label') }}
            order by date desc, affiliate_id asc, advertiser_id asc, affiliate_label collate "C" asc
        ) as recency
    from spellings

)

select
    _client_id,
    affiliate_key,
    affiliate_label,
    affiliate_id
from versioned
where recency = 1
