with source as (

    {{ source_or_empty('mautic', 'emails') }}

)

select
    -- ids
    _client_id,
    id as email_id,

    -- text
    {{ blank_to_null('name') }} as email_name,
    {{ blank_to_null('subject') }} as subject,
    email_type,
    language,

    -- dates
    date_added as created_at,
    date_modified as updated_at,

    -- truth
    is_published,

    -- measures
    sent_count,
    read_count

    -- revision, category, segments and the days it was in use omitted
from source
