{#-
  numerator / denominator as decimal(18, 6), rounded half away from zero from the exact
  quotient; null on a zero denominator. Both are read as decimal(38, 18). Plain division is not
  exact: DuckDB returns a double, PostgreSQL rounds at 16 digits or more first.
  Pass columns, not long expressions: each is written out several times.
-#}
{% macro exact_ratio(numerator, denominator) -%}
    {{ return(adapter.dispatch('exact_ratio')(numerator, denominator)) }}
{%- endmacro %}

{#- floor(x + 1/2) of x = millionths of the quotient, in one integer division: (2 n + d) div (2 d). -#}
{% macro default__exact_ratio(numerator, denominator) -%}
    {%- set n = 'abs(cast(' ~ numerator ~ ' as decimal(38, 18)))' -%}
    {%- set d = 'nullif(abs(cast(' ~ denominator ~ ' as decimal(38, 18))), 0)' -%}
    cast(
        div(2000000 * {{ n }} + {{ d }}, 2 * {{ d }})
        * sign({{ numerator }}) * sign({{ denominator }}) * 0.000001
        as decimal(18, 6)
    )
{%- endmacro %}

{#- The same in units of 10^-18; the quotient's integer part separately, as a hugeint has no more digits. -#}
{% macro duckdb__exact_ratio(numerator, denominator) -%}
    {%- set n = unscaled(numerator) -%}
    {%- set d = 'nullif(' ~ unscaled(denominator) ~ ', 0)' -%}
    cast(
        cast(
            {{ n }} // {{ d }} * 1000000
            + ({{ n }} % {{ d }} * 2000000 + {{ d }}) // (2 * {{ d }}) as decimal(18, 0)
        ) * 0.000001 * cast(sign({{ numerator }}) * sign({{ denominator }}) as decimal(1, 0))
        as decimal(18, 6)
    )
{%- endmacro %}

{#- The absolute value of a decimal(38, 18) as a whole number of 10^-18: its digits without the point. -#}
{% macro unscaled(value) -%}
    cast(replace(cast(abs(cast({{ value }} as decimal(38, 18))) as text), '.', '') as hugeint)
{%- endmacro %}
