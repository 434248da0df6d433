-- one spelling of each label: Everflow's newest; where Everflow has not shown it yet, the first of
-- the client's file, so that two spellings there are one affiliate
with daily_stats as (

    select * from {{ ref('stg_everflow__daily_stats') }}

),

internal_affiliates as (

    select * from {{ ref('stg_clients__internal_affiliates') }}

)

{{ affiliate_names('daily_stats', 'internal_affiliates') }}
