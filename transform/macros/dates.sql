{#-
  Dates in exports' formats: MM/DD/YYYY or YYYY-MM-DD, with or without a time. The year must
  be 1000 to 2999; 0000-00-00, 02/30/2025 and any other text are null and never an error.
-#}
{% macro to_date(value) -%}
    {%- set us_date = '^(0?[1-9]|1[0-2])/(0?[1-9]|[12][0-9]|3[01])/[12][0-9]{3}([ T].*)?$' -%}
    {%- set iso_date = '^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([ T].*)?$' -%}
    case
        when {{ value }} ~ '{{ us_date }}'
            then {{ calendar_date(
                "substr(split_part(" ~ value ~ ", '/', 3), 1, 4)",
                "split_part(" ~ value ~ ", '/', 1)",
                "split_part(" ~ value ~ ", '/', 2)"
            ) }}
        when {{ value }} ~ '{{ iso_date }}'
            then {{ calendar_date(
                "substr(" ~ value ~ ", 1, 4)",
                "substr(" ~ value ~ ", 6, 2)",
                "substr(" ~ value ~ ", 9, 2)"
            ) }}
    end
{%- endmacro %}

{#- The date, or null if the month is shorter: counted from the first, it must stay in its month. -#}
{% macro calendar_date(year, month, day) -%}
    {%- set counted -%}
        make_date(cast({{ year }} as integer), cast({{ month }} as integer), 1) + (cast({{ day }} as integer) - 1)
    {%- endset -%}
    case when extract(month from {{ counted }}) = cast({{ month }} as integer) then {{ counted }} end
{%- endmacro %}

{#- The first day of a validity in clients' formats: blank is open, what is not a date is null. -#}
{% macro first_day(value) -%}
    case when {{ value }} is null then date '1900-01-01' else {{ to_date(value) }} end
{%- endmacro %}

{#- The last day of a validity, in the same way. -#}
{% macro last_day(value) -%}
    case when {{ value }} is null then date '2999-12-31' else {{ to_date(value) }} end
{%- endmacro %}

{#- A month as `2026-11`, from the formats of people and spreadsheets; null for any other text. -#}
{% macro to_month(value) -%}
    case
        when {{ value }} ~ '^[12][0-9]{3}-(0?[1-9]|1[0-2])(-0?1)?( 00:00:00.*)?$'
            then left({{ value }}, 4) || '-' || lpad(split_part({{ value }}, '-', 2), 2, '0')
        when {{ value }} ~ '^(0?[1-9]|1[0-2])/(0?1/)?[12][0-9]{3}$'
            then right({{ value }}, 4) || '-' || lpad(split_part({{ value }}, '/', 1), 2, '0')
        when
            lower({{ value }}) ~ '^(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[- ]([12][0-9])?[0-9]{2}$'
            then
                case when length({{ value }}) = 8 then '' else '20' end
                || substr({{ value }}, 5)
                || '-'
                || case lower(left({{ value }}, 3))
                    {%- for month in ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] %}
                    when '{{ month }}' then '{{ '%02d' % loop.index }}'
                    {%- endfor %}
                end
    end
{%- endmacro %}

{#- Seconds between two instants; null where one is. -#}
{% macro seconds_between(began, ended) -%}
    cast(extract(epoch from ({{ ended }} - {{ began }})) as decimal(18, 3))
{%- endmacro %}
