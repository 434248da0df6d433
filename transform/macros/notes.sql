{#-
  A pre-hook of incremental models: rows go whose note in the control totals is another one now, or
  is gone, or never was. What the model does not hold it reads again, so that it ends in the rows of
  a full refresh whatever happened: days restated, files uploaded again, shorter ones, lost runs.
-#}
{% macro forget_unless_noted(source, tables, partition_key) -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where not exists (
            select 1
            from {{ ref('stg_ops__control_totals') }} as noted
            where
                noted._client_id = {{ this }}._client_id
                and noted.source = '{{ source }}'
                and noted.table_name in ({{ quoted(tables) }})
                and noted.measure = 'rows'
                and noted.partition_key = {{ partition_key }}
                and noted.loaded_at = {{ this }}.noted_at
        )
    {%- endif -%}
{%- endmacro %}
