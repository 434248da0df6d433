with source as (

    {{ source_or_empty('everflow', 'tracking_codes') }}

)

select
    -- ids
    _client_id,
    id as coded_id,

    -- text
    {{ name_or_null('kind') }} as kind,
    {{ name_or_null('code') }} as code
from source
