{#- After a table is built: PostgreSQL knows nothing of a new table until autovacuum has read it, which
    may take a minute, and joins a few lines of mappings to years of days row by row meanwhile. An
    incremental table keeps its statistics. -#}
{% macro gather_statistics() -%}
    {{ return(adapter.dispatch('gather_statistics')()) }}
{%- endmacro %}

{% macro default__gather_statistics() -%}
{%- endmacro %}

{% macro postgres__gather_statistics() -%}
    {%- if model.config.materialized != 'view' and not is_incremental() -%}
        analyze {{ this }}
    {%- endif -%}
{%- endmacro %}
