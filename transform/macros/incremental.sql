{#-
  An incremental strategy: the model selects the rows that differ from those of its table, and of rows
  that are gone the unique key alone; nothing else is written.
-#}
{% macro get_incremental_differences_sql(arg_dict) -%}
    {%- set table, differences = arg_dict['target_relation'], arg_dict['temp_relation'] -%}
    {%- set keys = arg_dict['unique_key'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='name') | list -%}
    delete from {{ table }} as known
    using {{ differences }} as differences
    where {{ are_equal('differences', 'known', keys) }};

    insert into {{ table }} ({{ columns | join(', ') }})
    select {{ columns | join(', ') }}
    from {{ differences }}
    where
        {%- for column in columns if column not in keys %}
        {{ 'or ' if not loop.first }}{{ column }} is not null
        {%- endfor %}
{%- endmacro %}
