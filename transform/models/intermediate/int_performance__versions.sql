-- Each build appends the rows that differ from the versions it finds, and ends those
-- (end_versions).
-- Never made again from nothing: what was known at an instant cannot be read from raw later.
-- depends_on: {{ ref('int_performance__costed') }}
{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns',
    full_refresh=false,
    pre_hook=["{{ end_versions() }}"],
) }}

with latest as (

    {{ performance_rows() }}

)

select
    latest.*,
    {{ build_instant() }} as known_from,
    cast(null as timestamptz) as known_to
from latest
{% if is_incremental() %}
left join {{ this }} as known
    on
        {{ same_performance('known', 'latest') }}
        and known.known_to is null
where known._client_id is null
{% endif %}
