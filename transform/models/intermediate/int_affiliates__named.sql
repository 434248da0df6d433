-- one spelling of each label: Everflow's newest; if Everflow has not shown it yet, that of the
-- first line that maps spend, so that two spellings there are one affiliate
with daily_stats as (

    select * from {{ ref('stg_everflow__daily_stats') }}

),

lines as (

    select * from {{ ref('int_mappings__lines') }}

)

{{ affiliate_names('daily_stats', 'lines') }}
