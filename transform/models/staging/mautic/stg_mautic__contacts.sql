with source as (

    {{ source_or_empty('mautic', 'contacts') }}

)

select
    -- ids
    _client_id,
    id as contact_id,
    email as email_hash,

    -- text
    {{ blank_to_null('company') }} as company,
    {{ blank_to_null('city') }} as city,
    {{ blank_to_null('state') }} as state,
    {{ blank_to_null('zipcode') }} as postcode,
    {{ blank_to_null('country') }} as country,
    custom_fields,
    tags,

    -- dates
    date_added as created_at,
    date_modified as updated_at,
    date_identified as identified_at,
    last_active as last_active_at,

    -- truth
    is_published,
    coalesce(do_not_contact not in ('[]', '{}'), false) as has_unsubscribed,

    -- measures
    points

    -- title, position, stage, zone and locale omitted
from source
