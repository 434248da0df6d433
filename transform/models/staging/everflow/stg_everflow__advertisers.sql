with source as (

    {{ source_or_empty('everflow', 'advertisers') }}

)

select
    -- ids
    _client_id,
    network_advertiser_id as advertiser_id,

    -- text
    {{ name_or_null('name') }} as advertiser_label,
    {{ blank_to_null('account_status') }} as status,
    {{ blank_to_null('default_currency_id') }} as currency,

    -- dates
    time_created as created_at,
    time_saved as updated_at

    -- the network's id omitted
from source
