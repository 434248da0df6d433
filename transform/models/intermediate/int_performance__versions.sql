-- Each build ends the versions that are no longer current (end_versions) and appends those added
-- since the last build, with the pull, or else the build, that added them. Never rebuilt from
-- scratch: what was known at an instant cannot be read from raw later.
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false,
    pre_hook=["{{ end_versions() }}"],
) }}

with states as (

    select * from {{ ref('int_performance__states') }}
    where known_from is not null

)

select
    {% for name in performance_names() %}
    states.{{ name }},
    {% endfor %}
    states.known_from,
    states.known_to
from states
{% if is_incremental() %}
left join {{ this }} as known
    on
        {{ same_performance('known', 'states') }}
        and known.known_from = states.known_from
        and known.known_to is not distinct from states.known_to
where known._client_id is null
{% endif %}
