{#-
  A pre-hook of incremental models: deletes rows whose record in the control totals has changed, is
  gone, or never existed. The model then reads what it lacks, so that it ends with the rows of a
  full refresh whatever happened: restated days, files uploaded again, shorter files, lost runs.
  With `mark`, a boolean column, it only sets that to null: the model must then remove those rows,
  as if they were gone, and what depends on them.
-#}
{% macro forget_unless_recorded(source, tables, partition_key, mark=none) -%}
    {%- if is_incremental() -%}
        {%- set names = adapter.get_columns_in_relation(this) | map(attribute='name') | list -%}
        {%- if 'noted_at' in names -%}
            {%- do run_query('alter table ' ~ this ~ ' rename column noted_at to recorded_at') -%}
        {%- endif -%}
        {%- if mark and mark not in names -%}
            {%- do run_query('alter table ' ~ this ~ ' add column ' ~ mark ~ ' boolean') -%}
        {%- endif -%}
        {{ 'update ' ~ this ~ ' set ' ~ mark ~ ' = null' if mark else 'delete from ' ~ this }}
        where not exists (
            select 1
            from {{ ref('stg_ops__control_totals') }} as recorded
            where
                recorded._client_id = {{ this }}._client_id
                and recorded.source = '{{ source }}'
                and recorded.table_name in ({{ quoted(tables) }})
                and recorded.measure = 'rows'
                and recorded.partition_key = {{ partition_key }}
                and recorded.loaded_at = {{ this }}.recorded_at
        )
    {%- endif -%}
{%- endmacro %}
