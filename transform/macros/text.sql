{#- What spreadsheets and exports leave around a value: blanks, tabs, line ends, no-break spaces. -#}
{% macro trimmed(value) -%}
    trim({{ value }}, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(160))
{%- endmacro %}

{#-
  Names cleaned up for display: normalized accents, plain spaces and hyphens, no zero-width characters,
  trimmed. `clean` in `transform/client_files/reader.py` does the same. Printable ASCII is only trimmed:
  the rest changes nothing in it, and takes PostgreSQL 0.1 ms for each cell.
-#}
{% macro cleaned(value) -%}
    {%- set spaces = "\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u2800\u3000" -%}
    {%- set hyphens = "\u2010\u2011" -%}
    {%- set invisible = [] -%}
    {%- for first, last in [
        (1, 8), (14, 31), (127, 132), (134, 159), (173, 173), (847, 847), (1564, 1564), (4447, 4448),
        (6068, 6069), (6155, 6159), (8203, 8207), (8234, 8238), (8288, 8303), (12644, 12644),
        (65024, 65039), (65279, 65279), (65440, 65440), (65529, 65531), (917504, 917631),
        (917760, 917999),
    ] -%}
        {%- for code in range(first, last + 1) -%}
            {%- do invisible.append('%c' | format(code)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set plain = ' ' * (spaces | length + 5) ~ '-' * (hyphens | length) -%}
    {%- set seen -%}
        translate(
            {{ value }},
            chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || '{{ spaces }}{{ hyphens }}{{ invisible | join }}',
            '{{ plain }}'
        )
    {%- endset -%}
    case
        when {{ value }} ~ '^[ -~]*$' then trim({{ value }})
        else trim({{ composed(seen) }})
    end
{%- endmacro %}

{#- Text with normalized accents (Unicode NFC). -#}
{% macro composed(value) -%}
    {{ return(adapter.dispatch('composed')(value)) }}
{%- endmacro %}

{% macro default__composed(value) -%}
    normalize({{ value }}, nfc)
{%- endmacro %}

{% macro duckdb__composed(value) -%}
    nfc_normalize({{ value }})
{%- endmacro %}

{#- A clean name; null when nothing is left. -#}
{% macro name_or_null(value) -%}
    nullif({{ cleaned(value) }}, '')
{%- endmacro %}

{% macro blank_to_null(value) -%}
    nullif({{ trimmed(value) }}, '')
{%- endmacro %}

{#-
  Names are compared in lower case. PostgreSQL's `lower` depends on the database's locale, and in
  the locale C it leaves É unchanged: a Unicode collation is used if there is one.
-#}
{% macro folded(value) -%}
    {{ return(adapter.dispatch('folded')(value)) }}
{%- endmacro %}

{% macro default__folded(value) -%}
    lower({{ value }})
{%- endmacro %}

{% macro postgres__folded(value) -%}
    {%- set known -%}
        select collname from pg_catalog.pg_collation
        where collname in ('und-x-icu', 'pg_c_utf8', 'C.utf8') order by collname desc limit 1
    {%- endset -%}
    {%- set names = run_query(known).columns[0].values() if execute else [] -%}
    {%- if names -%}
        lower({{ value }} collate "{{ names[0] }}") collate "default"
    {%- else -%}
        lower({{ value }})
    {%- endif -%}
{%- endmacro %}

{#- The text under a key of a JSON object. A pattern never fails, whatever was sent. -#}
{% macro property(value, key) -%}
    {%- set pattern = '^.*"' ~ key | replace('$', '[$]') ~ '": ?"([^"\\\\]+)".*$' -%}
    case
        when {{ value }} ~ '{{ pattern }}' then regexp_replace({{ value }}, '{{ pattern }}', '\1')
    end
{%- endmacro %}

{#- The text columns of an export, trimmed, blank as null; the macros below read those. -#}
{% macro without_blanks(columns) -%}
    {%- for column in columns %}
    {{ blank_to_null(column) }} as {{ column }}
    {{- ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- YES/NO, Y/N, TRUE/FALSE, 1/0; blank is no; anything else is unknown (null). -#}
{% macro to_flag(value) -%}
    case
        when upper({{ value }}) in ('YES', 'Y', 'TRUE', 'T', '1') then true
        when {{ value }} is null or upper({{ value }}) in ('NO', 'N', 'FALSE', 'F', '0') then false
    end
{%- endmacro %}

{#- Whole numbers of up to 18 digits; anything else is null. -#}
{% macro to_whole_number(value) -%}
    case when {{ value }} ~ '^[0-9]{1,18}$' then cast({{ value }} as bigint) end
{%- endmacro %}

{#- Money as exports write it: 1049.95, $1,049.95, -5, ($5.00). Anything else is null. -#}
{% macro to_amount(value) -%}
    {%- set whole = '([0-9]{1,19}|[0-9]{1,3}(,[0-9]{3}){1,5})([.][0-9]{0,18})?' -%}
    case
        when {{ value }} ~ '^(([$]?-?|-[$]?){{ whole }}|[(][$]?{{ whole }}[)])$'
            then cast(
                case when {{ value }} ~ '[-(]' then '-' else '' end
                || regexp_replace({{ value }}, '[^0-9.]', '', 'g') as decimal(38, 18)
            )
    end
{%- endmacro %}

{#- A list of names as SQL string literals. -#}
{% macro quoted(names) -%}
    '{{ names | join("', '") }}'
{%- endmacro %}

{#- The words of a name, lower case: its runs of letters and digits. -#}
{% macro words(value) -%}
    string_to_array(trim(regexp_replace(lower({{ value }}), '[^a-z0-9]+', ' ', 'g')), ' ')
{%- endmacro %}
