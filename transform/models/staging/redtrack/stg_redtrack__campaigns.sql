with source as (

    {{ source_or_empty('redtrack', 'campaigns') }}

)

select
    -- ids
    _client_id,
    {{ name_or_null('id') }} as campaign_id,
    {{ name_or_null('source_id') }} as source_id,

    -- text
    {{ name_or_null('title') }} as campaign_name,
    {{ name_or_null('source_title') }} as source_name,
    case {{ blank_to_null('status') }}
        when '1' then 'active'
        when '2' then 'paused'
        when '3' then 'deleted'
        else lower({{ blank_to_null('status') }})
    end as status,
    {{ blank_to_null('cost_model') }} as cost_model,

    -- dates
    created_at,
    updated_at,

    -- measures
    cpc

    -- tags, type and serial number omitted
from source
