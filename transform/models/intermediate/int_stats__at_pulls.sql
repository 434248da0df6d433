-- Everflow's daily rows as raw had them at each pull since the last build, which is identified in
-- `_client_id`.
with changed_days as (

    select * from {{ ref('int_days__changed') }}

),

versions as (

    select * from {{ ref('stg_ops__everflow_daily_stats_versions') }}

),

latest as (

    select * from {{ ref('stg_everflow__daily_stats') }}

),

{{ moments() }},

moving_days as (

    select distinct
        _client_id,
        date
    from changed_days

)

{{ rows_at_moments(
    'versions',
    'latest',
    keys=['date', 'affiliate_id', 'advertiser_id'],
    others=[
        'affiliate_label', 'advertiser_label', 'clicks', 'conversions', 'revenue', 'payout',
        'load_id',
    ],
) }}
