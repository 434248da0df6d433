with source as (

    {{ source_or_empty('redtrack', 'offers') }}

)

select
    -- ids
    _client_id,
    {{ name_or_null('id') }} as offer_id,

    -- text
    {{ name_or_null('title') }} as offer_name,
    {{ name_or_null('url') }} as target_url,
    {{ name_or_null('network_title') }} as network_name,
    lower({{ name_or_null('status') }}) as status
from source
