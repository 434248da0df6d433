with source as (

    {{ source_or_empty('everflow', 'affiliates') }}

)

select
    -- ids
    _client_id,
    network_affiliate_id as affiliate_id,

    -- text
    coalesce(
        {{ name_or_null('name') }}, 'Affiliate ' || cast(network_affiliate_id as text)
    ) as affiliate_label,
    {{ blank_to_null('account_status') }} as status,
    {{ blank_to_null('default_currency_id') }} as currency,

    -- dates
    time_created as created_at,
    time_saved as updated_at

    -- the network's and its manager's ids omitted
from source
