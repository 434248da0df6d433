-- Fails when rows of a spreadsheet's table were lost or doubled after the load. Which tables there
-- are is configuration (`GOOGLE_SHEETS_RANGES`), so that no YAML declares them: the control totals
-- name those that were ever read. No model is built on all that it reads: it stops none.
-- depends_on: {{ ref('stg_mautic__campaigns') }}
{% set tables = spreadsheet_tables() %}

with control_totals as (

    select * from {{ ref('stg_ops__control_totals') }}

),

given as (

    select
        _client_id,
        table_name,
        sum(total) as row_count
    from control_totals
    where source = 'google_sheets' and measure = 'rows'
    group by 1, 2

),

kept as (

    {% for table in tables %}
    select
        _client_id,
        '{{ table.identifier }}' as table_name,
        count(*) as row_count
    from {{ table }}
    group by 1
    union all
    {% endfor %}
    select
        cast(null as text) as _client_id,
        cast(null as text) as table_name,
        0 as row_count

)

select
    coalesce(given._client_id, kept._client_id) as _client_id,
    coalesce(given.table_name, kept.table_name) as table_name,
    given.row_count as given_rows,
    kept.row_count as kept_rows
from given
full outer join kept
    on
        given._client_id = kept._client_id
        and given.table_name = kept.table_name
where
    coalesce(given.row_count, 0) <> coalesce(kept.row_count, 0)
