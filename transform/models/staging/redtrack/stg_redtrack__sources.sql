with source as (

    {{ source_or_empty('redtrack', 'sources') }}

)

select
    -- ids
    _client_id,
    {{ name_or_null('id') }} as source_id,

    -- text
    coalesce(
        {{ name_or_null('title') }}, {{ name_or_null('alias') }}, {{ name_or_null('id') }}
    ) as source_name,
    {{ name_or_null('alias') }} as source_alias,
    lower({{ blank_to_null('status') }}) as status,
    {{ blank_to_null('currency') }} as currency,

    -- dates
    created_at,
    updated_at

    -- type omitted
from source
