with source as (

    {{ source_or_empty('posthog', 'feature_flags') }}

)

select
    -- ids
    _client_id,
    id as feature_flag_id,
    key as feature_flag_key,

    -- text
    {{ blank_to_null('name') }} as description,
    filters,
    tags,

    -- dates
    created_at,

    -- truth
    active as is_active,
    deleted as is_deleted,

    -- measures
    version

    -- rollout_percentage and experiment_set omitted: filters and experiments have better data
from source
