{#- A cell of a client's mapping file: `n/a` in any case, or blank, means not mapped. -#}
{% macro mapped_value(value) -%}
    case when lower({{ trimmed(value) }}) not in ('', 'n/a') then {{ trimmed(value) }} end
{%- endmacro %}
