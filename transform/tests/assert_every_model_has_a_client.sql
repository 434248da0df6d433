-- Fails when a row of any model has no client, or when a new model is not listed below. Marts have
-- a contract: _client_id is not null there, and a row without it stops the build.
{% set models = [
    'stg_clients__brands',
    'stg_clients__goals',
    'stg_clients__internal_affiliates',
    'stg_clients__projects',
    'stg_everflow__adjustments',
    'stg_everflow__advertisers',
    'stg_everflow__affiliates',
    'stg_everflow__clicks',
    'stg_everflow__conversions',
    'stg_everflow__daily_stats',
    'stg_everflow__offers',
    'stg_everflow__tracking_codes',
    'stg_history__deliveries',
    'stg_history__incidents',
    'stg_history__nodes',
    'stg_history__pulled_tables',
    'stg_history__pulls',
    'stg_history__runs',
    'stg_history__steps',
    'stg_mautic__campaigns',
    'stg_mautic__contacts',
    'stg_mautic__email_stats',
    'stg_mautic__emails',
    'stg_ops__control_totals',
    'stg_ops__client_file_versions',
    'stg_ops__everflow_adjustments_versions',
    'stg_ops__everflow_conversions_versions',
    'stg_ops__everflow_daily_stats_versions',
    'stg_ops__loads',
    'stg_ops__redtrack_campaign_spend_versions',
    'stg_ops__redtrack_daily_spend_versions',
    'stg_ops__redtrack_offers_versions',
    'stg_ops__reported_days',
    'stg_ops__sources',
    'stg_posthog__events',
    'stg_posthog__experiments',
    'stg_posthog__feature_flags',
    'stg_redtrack__campaign_spend',
    'stg_redtrack__campaigns',
    'stg_redtrack__conversions',
    'stg_redtrack__daily_spend',
    'stg_redtrack__offers',
    'stg_redtrack__sources',
    'stg_s3_exports__orders_create',
    'stg_s3_exports__orders_update',
    'stg_s3_exports__prospects_create',
    'int_advertisers__named',
    'int_affiliates__by_period',
    'int_affiliates__named',
    'int_conversions__projected',
    'int_days__requested',
    'int_days__in_periods',
    'int_emails__engaged',
    'int_funnel_days__counted',
    'int_mappings__gaps',
    'int_mappings__lines',
    'int_mappings__suggested',
    'int_offers__linked',
    'int_order_files__counted',
    'int_orders__by_file',
    'int_orders__latest',
    'int_performance__costed',
    'int_performance__ledger',
    'int_performance__shared',
    'int_projects__shares',
    'int_prospects__dated',
    'int_spend__mapped',
    'int_visits__counted',
    'int_weeks__summed',
    'int_sources__named',
    'int_days__changed',
    'int_days__before_ledger',
    'int_mappings__at_pulls',
    'int_campaigns__at_pulls',
    'int_stats__at_pulls',
    'int_spend__at_pulls',
    'int_clients__respelled',
    'int_days__touched',
    'int_performance__at_pulls',
    'int_days__stepped',
    'int_performance__states',
    'int_performance__versions',
    'int_sources__linked',
    'int_days__reported',
    'int_performance__as_reported',
    'int_changes__caused',
    'int_campaigns__costed',
] %}
{% set unguarded = models_without_client_guard(models) %}

with counted as (

    {#- With `-s` the others may not be built yet. -#}
    {% set given = invocation_args_dict %}
    {% set is_whole = not execute or not (given.select or given.exclude or given.selector) %}
    {% for model in models if is_whole or load_relation(ref(model)) %}
    select
        '{{ model }}' as model_name,
        count(*) as rows_without_client
    from {{ ref(model) }}
    where _client_id is null
    union all
    {% endfor %}
    {% for model in unguarded %}
    select
        '{{ model }} is not named in this test' as model_name,
        1 as rows_without_client
    union all
    {% endfor %}
    select
        'none' as model_name,
        0 as rows_without_client

)

select * from counted
where rows_without_client > 0
