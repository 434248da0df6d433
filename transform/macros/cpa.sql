{#-
  The state of a CPA, from columns named conversions, cost, is_internal, has_spend and, if there are
  unmapped rows, is_unmapped.
-#}
{% macro cpa_state(has_unmapped=true) -%}
    case
        {%- if has_unmapped %}
        when is_unmapped then 'unmapped_spend'
        {%- endif %}
        when conversions = 0 then 'no_conversions'
        when is_internal and not has_spend then 'missing_spend'
        when cost = 0 then 'zero_cost'
        else 'ok'
    end
{%- endmacro %}

{#- Cost / conversions if `cpa_state` says that there is one; else null. -#}
{% macro cpa() -%}
    cast(
        case
            when cpa_state in ('ok', 'zero_cost') then {{ exact_ratio('cost', 'conversions') }}
        end as decimal(18, 6)
    )
{%- endmacro %}
