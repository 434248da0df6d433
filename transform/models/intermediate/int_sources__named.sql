-- two sources of the same name make one unmapped row, with the newest spelling
with spend as (

    select * from {{ ref('stg_redtrack__daily_spend') }}

)

{{ source_names('spend') }}
