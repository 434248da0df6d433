with source as (

    {{ source_or_empty('posthog', 'experiments') }}

)

select
    -- ids
    _client_id,
    id as experiment_id,
    feature_flag_id,
    feature_flag_key,

    -- text
    {{ blank_to_null('name') }} as experiment_name,
    {{ blank_to_null('description') }} as description,
    type as experiment_type,
    conclusion,
    metrics,

    -- dates
    start_date as started_at,
    end_date as ended_at,
    created_at,
    updated_at,

    -- truth
    archived as is_archived,
    deleted as is_deleted

    -- settings of the measurement omitted, except the metrics
from source
