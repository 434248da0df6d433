-- the file speaks only for advertisers that Everflow has never shown
with daily_stats as (

    select * from {{ ref('stg_everflow__daily_stats') }}

),

internal_affiliates as (

    select * from {{ ref('stg_clients__internal_affiliates') }}

)

{{ advertiser_names('daily_stats', 'internal_affiliates') }}
