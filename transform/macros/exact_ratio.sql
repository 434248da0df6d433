{#-
  numerator / denominator as decimal(18, 6), rounded half away from zero from the exact
  quotient; null on a zero denominator. Both are read as decimal(38, 18). Plain division is not
  exact: DuckDB returns a double, PostgreSQL rounds at 16 digits or more first.
  Pass columns, not long expressions: each is written out several times.
-#}
{% macro exact_ratio(numerator, denominator) -%}
    {{ return(adapter.dispatch('exact_ratio')(numerator, denominator)) }}
{%- endmacro %}

{% macro default__exact_ratio(numerator, denominator) -%}
    {%- set millionths = 'abs(cast(' ~ numerator ~ ' as decimal(38, 18))) * 1000000' -%}
    {%- set divisor = 'nullif(abs(cast(' ~ denominator ~ ' as decimal(38, 18))), 0)' -%}
    cast(
        (
            div({{ millionths }}, {{ divisor }})
            + case when 2 * mod({{ millionths }}, {{ divisor }}) >= {{ divisor }} then 1 else 0 end
        )
        * sign({{ numerator }}) * sign({{ denominator }}) * 0.000001
        as decimal(18, 6)
    )
{%- endmacro %}

{% macro duckdb__exact_ratio(numerator, denominator) -%}
    {#- In whole numbers of 10^-18; the remainder's six digits follow by long division. -#}
    {%- set n = unscaled(numerator) -%}
    {%- set d = 'nullif(' ~ unscaled(denominator) ~ ', 0)' -%}
    {%- set rest = '(' ~ n ~ ' % ' ~ d ~ ') * 1000000' -%}
    cast(
        (
            cast({{ n }} // {{ d }} as decimal(18, 0))
            + cast(
                ({{ rest }}) // {{ d }}
                + case when 2 * (({{ rest }}) % {{ d }}) >= {{ d }} then 1 else 0 end
                as decimal(18, 0)
            ) * 0.000001
        )
        * cast(sign({{ numerator }}) * sign({{ denominator }}) as decimal(1, 0))
        as decimal(18, 6)
    )
{%- endmacro %}

{#- The absolute value of a decimal(38, 18) as a whole number of 10^-18: its digits without the point. -#}
{% macro unscaled(value) -%}
    cast(replace(cast(abs(cast({{ value }} as decimal(38, 18))) as text), '.', '') as hugeint)
{%- endmacro %}
