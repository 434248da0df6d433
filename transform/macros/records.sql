{#-
  A pre-hook of incremental models: rows go whose record in the control totals is another one now,
  or is gone, or never was. What the model does not hold it reads again, so that it ends in the rows of
  a full refresh whatever happened: days restated, files uploaded again, shorter ones, lost runs.
-#}
{% macro forget_unless_recorded(source, tables, partition_key) -%}
    {%- if is_incremental() -%}
        {%- if 'noted_at' in adapter.get_columns_in_relation(this) | map(attribute='name') -%}
            {%- do run_query('alter table ' ~ this ~ ' rename column noted_at to recorded_at') -%}
        {%- endif -%}
        delete from {{ this }}
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
