-- RedTrack's daily rows as raw had them at each pull since the last build, which is identified in
-- `_client_id`.
with changed_days as (

    select * from {{ ref('int_days__changed') }}

),

versions as (

    select * from {{ ref('stg_ops__redtrack_daily_spend_versions') }}

),

latest as (

    select * from {{ ref('stg_redtrack__daily_spend') }}

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
    keys=['date', 'source_id'],
    others=['source_name', 'clicks', 'conversions', 'cost', 'load_id'],
) }}
