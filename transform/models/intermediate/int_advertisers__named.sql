-- lines of the mapping are used only for advertisers that Everflow has never shown
with daily_stats as (

    select * from {{ ref('stg_everflow__daily_stats') }}

),

lines as (

    select * from {{ ref('int_mappings__lines') }}

)

{{ advertiser_names('daily_stats', 'lines') }}
