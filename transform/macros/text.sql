{#- What a spreadsheet or an export leaves around a value: blank, tab, line ends, no-break space. -#}
{% macro trimmed(value) -%}
    trim({{ value }}, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(160))
{%- endmacro %}

{% macro blank_to_null(value) -%}
    nullif({{ trimmed(value) }}, '')
{%- endmacro %}

{#- A label to compare by: trimmed, without regard to case. -#}
{% macro label_key(value) -%}
    lower({{ trimmed(value) }})
{%- endmacro %}

{#- YES/NO, Y/N, TRUE/FALSE, 1/0; blank is no; anything else is unknown (null). -#}
{% macro to_flag(value) -%}
    case
        when upper(coalesce({{ trimmed(value) }}, '')) in ('YES', 'Y', 'TRUE', 'T', '1') then true
        when upper(coalesce({{ trimmed(value) }}, '')) in ('', 'NO', 'N', 'FALSE', 'F', '0') then false
    end
{%- endmacro %}

{#- Whole numbers of up to 18 digits; anything else is null. -#}
{% macro to_whole_number(value) -%}
    case
        when {{ trimmed(value) }} ~ '^[0-9]{1,18}$' then cast({{ trimmed(value) }} as bigint)
    end
{%- endmacro %}

{#- Money as exports write it: 1049.95, $1,049.95, -5, ($5.00). Anything else is null. -#}
{% macro to_amount(value) -%}
    case
        when {{ trimmed(value) }} ~ '^[(]?-?[$]?-?([0-9]{1,19}|[0-9]{1,3}(,[0-9]{3}){1,5})([.][0-9]{0,18})?[)]?$'
            then
                cast(
                    (case when {{ value }} like '%-%' or {{ value }} like '%(%' then '-' else '' end)
                    || regexp_replace({{ value }}, '[^0-9.]', '', 'g')
                    as decimal(38, 18)
                )
    end
{%- endmacro %}
