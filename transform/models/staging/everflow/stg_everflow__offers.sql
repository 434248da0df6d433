with source as (

    {{ source_or_empty('everflow', 'offers') }}

)

select
    -- ids
    _client_id,
    network_offer_id as offer_id,
    network_advertiser_id as advertiser_id,

    -- text
    {{ name_or_null('name') }} as offer_label,
    {{ blank_to_null('offer_status') }} as status,
    {{ blank_to_null('currency_id') }} as currency,
    {{ blank_to_null('date_live_until') }} as live_until,

    -- dates
    time_created as created_at,
    time_saved as updated_at

    -- all columns of the list are included
from source
