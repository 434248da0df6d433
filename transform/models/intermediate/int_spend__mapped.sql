-- whose spend it is: the client's file maps a source to an affiliate label and an advertiser
with spend as (

    select * from {{ ref('stg_redtrack__daily_spend') }}

)

{{ mapped_spend('spend', ['clicks', 'conversions', 'cost', 'load_id']) }}
