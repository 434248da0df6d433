-- RedTrack's daily rows by campaign and offer as raw had them at each pull since the last build,
-- which is identified in `_client_id`; only clients whose offers map spend.
with changed_days as (

    select * from {{ ref('int_days__changed') }}

),

versions as (

    select * from {{ ref('stg_ops__redtrack_campaign_spend_versions') }}
    where {{ maps_by_offer('_client_id') }}

),

latest as (

    select * from {{ ref('stg_redtrack__campaign_spend') }}
    where {{ maps_by_offer('_client_id') }}

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
    keys=['date', 'source_id', 'campaign_id', 'offer_id'],
    others=['clicks', 'conversions', 'cost', 'load_id'],
) }}
