{#- Exact schema names on every target; an analyst on a shared PostgreSQL sets a prefix. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ env_var('SIGNALROOM_SCHEMA_PREFIX', '') }}{{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}

{#- Seeds of two clients may have the same file name, so the table has the package's name too. -#}
{% macro generate_alias_name(custom_alias_name=none, node=none) -%}
    {%- if node.resource_type == 'seed' -%}
        {{ node.package_name }}__{{ node.name }}
    {%- else -%}
        {{ custom_alias_name or node.name }}
    {%- endif -%}
{%- endmacro %}
