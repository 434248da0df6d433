{#- What a spreadsheet or an export leaves around a value: blank, tab, line ends, no-break space. -#}
{% macro trimmed(value) -%}
    trim({{ value }}, ' ' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(160))
{%- endmacro %}

{#-
  Names as people read them: one form of accents, plain spaces and hyphens, no characters without a
  width, nothing blank around. `clean` in `transform/client_files/reader.py` does the same.
-#}
{% macro cleaned(value) -%}
    {%- set spaces = "\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000" -%}
    {%- set hyphens = "\u2010\u2011" -%}
    {%- set invisible = "\u00ad\u034f\u061c\u180b\u180c\u180d\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062\u2063\u2064\u2065\u2066\u2067\u2068\u2069\u206a\u206b\u206c\u206d\u206e\u206f\ufe00\ufe01\ufe02\ufe03\ufe04\ufe05\ufe06\ufe07\ufe08\ufe09\ufe0a\ufe0b\ufe0c\ufe0d\ufe0e\ufe0f\ufeff" -%}
    {%- set plain = ' ' * (spaces | length + 5) ~ '-' * (hyphens | length) -%}
    trim(
        translate(
            {{ composed(value) }},
            chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || '{{ spaces }}{{ hyphens }}{{ invisible }}',
            '{{ plain }}'
        )
    )
{%- endmacro %}

{#- Text in one form of accents (Unicode's NFC). -#}
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
  Names are compared in lower case. PostgreSQL's `lower` goes by the database's locale, and in the
  locale C it leaves É as it is: a collation that knows all letters is asked for, where there is one.
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

{#- The text under a key of a JSON object. A pattern never fails, whatever a stranger sent. -#}
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
    {%- set whole = '([0-9]{1,19}|[0-9]{1,3}(,[0-9]{3}){1,5})' -%}
    case
        when {{ value }} ~ '^([$]?-?|-[$]?|[(][$]?){{ whole }}([.][0-9]{0,18})?[)]?$'
            then cast(
                case when {{ value }} ~ '[-(]' then '-' else '' end
                || regexp_replace({{ value }}, '[^0-9.]', '', 'g') as decimal(38, 18)
            )
    end
{%- endmacro %}

{#- A list of names as SQL text literals. -#}
{% macro quoted(names) -%}
    '{{ names | join("', '") }}'
{%- endmacro %}

{#- The words of a name, lower case: its runs of letters and digits. -#}
{% macro words(value) -%}
    string_to_array(trim(regexp_replace(lower({{ value }}), '[^a-z0-9]+', ' ', 'g')), ' ')
{%- endmacro %}
