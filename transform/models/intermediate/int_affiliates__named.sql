-- one spelling of each label: Everflow's newest; where Everflow has not shown it yet, the first of
-- the lines that map spend, so that two spellings there are one affiliate
with daily_stats as (

    select * from {{ ref('stg_everflow__daily_stats') }}

),

lines as (

    select * from {{ ref('int_mappings__lines') }}

)

{{ affiliate_names('daily_stats', 'lines') }}
