with daily_stats as (

    select * from {{ ref('stg_everflow__daily_stats') }}

),

spellings as (

    select
        _client_id,
        affiliate_label,
        {{ folded('affiliate_label') }} as affiliate_key,
        min(affiliate_id) over (
            partition by _client_id, {{ folded('affiliate_label') }}
        ) as affiliate_id,
        row_number() over (
            partition by _client_id, {{ folded('affiliate_label') }}
            order by date desc, affiliate_id asc, advertiser_id asc
        ) as age
    from daily_stats

),

newest_spellings as (

    select
        _client_id,
        affiliate_key,
        affiliate_label,
        affiliate_id
    from spellings
    where age = 1

)

select * from newest_spellings
