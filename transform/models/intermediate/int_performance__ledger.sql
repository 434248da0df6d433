-- Everflow's facts and RedTrack's facts stacked, never joined: a join would double conversions
-- where several sources feed one affiliate, and lose spend without conversions.
-- depends_on: {{ ref('stg_ops__control_totals') }}
with daily_stats as (

    select * from {{ ref('stg_everflow__daily_stats') }}

),

spend as (

    select * from {{ ref('int_spend__mapped') }}

),

mappings as (

    select * from {{ ref('int_mappings__lines') }}

),

affiliates as (

    select * from {{ ref('int_affiliates__named') }}

),

advertisers as (

    select * from {{ ref('int_advertisers__named') }}

)

{{ stacked_facts('daily_stats', 'spend', 'mappings', 'affiliates', 'advertisers') }}
