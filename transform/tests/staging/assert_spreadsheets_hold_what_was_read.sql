-- Fails when rows of a spreadsheet's table were lost or duplicated after the load. The tables
-- depend on configuration (`GOOGLE_SHEETS_RANGES`), so no YAML declares them: the control totals
-- list those that were ever read. No model depends on all of them, so this blocks none.
-- depends_on: {{ ref('stg_mautic__campaigns') }}, {{ ref('stg_ops__control_totals') }}
{% for name in spreadsheet_names() %}
{% set table = spreadsheet_table(name) or '(select cast(null as text) as _client_id where 1 = 0) as gone' %}
select * from (
    {{ test_totals_as_given(table, 'google_sheets', name, "'all'", every_client=true) }}
) as found
union all
{% endfor %}
select
    cast(null as text) as _client_id,
    cast(null as text) as partition_key,
    cast(null as text) as measure,
    cast(null as decimal(38, 18)) as given_total,
    cast(null as decimal(38, 18)) as kept_total
where 1 = 0
