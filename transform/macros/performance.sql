{#- The columns of daily_performance, of a relation like int_performance__costed with `cpa_state`. -#}
{% macro performance_columns(is_final=false) -%}
        -- ids
        _client_id,
        date,
        advertiser_id,
        advertiser_label,
        affiliate_id,
        affiliate_label,

        -- truth
        is_internal,
        is_unmapped,

        -- measures
        clicks,
        conversions,
        everflow_payout,
        everflow_revenue,
        redtrack_cost,
        redtrack_clicks,
        cost,
        {{ 'cpa' if is_final else cpa() ~ ' as cpa' }},
        cpa_state,
        {{ 'profit' if is_final else 'cast(everflow_revenue - cost as decimal(38, 18)) as profit' }}
{%- endmacro %}

{#- The rows of daily_performance from a relation like int_performance__costed. -#}
{% macro performance_rows(costed) -%}
    select
        {{ performance_columns() }}
    from (
        select
            *,
            {{ cpa_state() }} as cpa_state
        from {{ costed }}
    ) as stated
{%- endmacro %}

{#- Its columns by name. -#}
{% macro performance_names() -%}
    {{ return([
        '_client_id', 'date', 'advertiser_id', 'advertiser_label', 'affiliate_id',
        'affiliate_label', 'is_internal', 'is_unmapped', 'clicks', 'conversions',
        'everflow_payout', 'everflow_revenue', 'redtrack_cost', 'redtrack_clicks', 'cost', 'cpa',
        'cpa_state', 'profit',
    ]) }}
{%- endmacro %}

{#-
  A table that a downstream model left in an earlier build; none before the first. No ref: the model
  that reads it is upstream of it.
-#}
{% macro previous_relation(name) -%}
    {%- if execute -%}
        {{ return(adapter.get_relation(this.database, this.schema, name)) }}
    {%- endif -%}
{%- endmacro %}

{#- The rows of daily_performance as the last build left them; none before the first. -#}
{% macro performance_before() -%}
    {%- set known = previous_relation('int_performance__versions') %}
    select
        {{ performance_names() | join(', ') }}
    {% if known %}
    from {{ known }}
    where known_to is null
    {% else %}
    from ({{ performance_rows(ref('int_performance__costed')) }}) as latest
    where 1 = 0
    {% endif %}
{%- endmacro %}

{#- When the last build was, as `built_at`; null before the first. -#}
{% macro last_build() -%}
    {%- set known = previous_relation('int_performance__versions') %}
    {% if known %}
    select max(coalesce(known_to, known_from)) as built_at from {{ known }}
    {% else %}
    select cast(null as timestamptz) as built_at
    {% endif %}
{%- endmacro %}

{#-
  A pre-hook of int_performance__versions: a version ends with the pull, or else the build, that
  replaces or removes it.
-#}
{% macro end_versions() -%}
    {%- if is_incremental() -%}
        update {{ this }}
        set known_to = ended.known_to
        from {{ ref('int_performance__states') }} as ended
        where
            ended.known_from is null
            and {{ this.identifier }}.known_to is null
            and {{ same_performance(this.identifier, 'ended') }}
    {%- endif -%}
{%- endmacro %}

{#- Whether two rows of daily_performance are equal. -#}
{% macro same_performance(one, other) -%}
    {{ one }}._client_id = {{ other }}._client_id
    and {{ one }}.date = {{ other }}.date
    and {{ one }}.affiliate_label = {{ other }}.affiliate_label
    {%- for column in performance_names() if column not in ('_client_id', 'date', 'affiliate_label') %}
    and {{ one }}.{{ column }} is not distinct from {{ other }}.{{ column }}
    {%- endfor %}
{%- endmacro %}

{#-
  The business instant of this build: as the product passes it, else the frozen time, else now. Read
  only at run time, so that a new instant does not trigger parsing.
-#}
{% macro build_instant() -%}
    {%- set given = (env_var('SIGNALROOM_BUILD_AT', '') or env_var('SIGNALROOM_NOW', '')) if execute -%}
    {%- if not given -%}
        current_timestamp
    {%- elif modules.re.search('(Z|[+-][0-9]{2}:?[0-9]{2})$', given) -%}
        cast('{{ given }}' as timestamptz)
    {%- else -%}
        (cast('{{ given }}' as timestamp) at time zone '{{ env_var('SIGNALROOM_TIMEZONE', '') or 'America/New_York' }}')
    {%- endif -%}
{%- endmacro %}
