{#- `set local` ends with dbt's transaction, so that it is safe behind a transaction pooler. -#}
{% macro set_lock_timeout() -%}
    {{ return(adapter.dispatch('set_lock_timeout')()) }}
{%- endmacro %}

{% macro default__set_lock_timeout() -%}
{%- endmacro %}

{% macro postgres__set_lock_timeout() -%}
    set local lock_timeout = '60s'
{%- endmacro %}
