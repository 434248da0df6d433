with source as (

    {{ source_or_empty('mautic', 'campaigns') }}

)

select
    -- ids
    _client_id,
    id as campaign_id,

    -- text
    {{ blank_to_null('name') }} as campaign_name,
    {{ blank_to_null('description') }} as description,

    -- dates
    date_added as created_at,
    date_modified as updated_at,
    publish_up as starts_at,
    publish_down as ends_at,

    -- truth
    is_published,
    allow_restart as is_repeatable

    -- steps, forms, segments and category omitted
from source
