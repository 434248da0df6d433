-- two sources of one name make one unmapped row: it takes the newest spelling
with spend as (

    select * from {{ ref('stg_redtrack__daily_spend') }}

)

{{ source_names('spend') }}
