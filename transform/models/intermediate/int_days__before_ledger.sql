-- Days in the mart from before the version ledger began: their state between the last build and now
-- is not known.
{% set ledgers = {
    'stats': ['clicks', 'conversions', 'everflow_payout', 'everflow_revenue'],
    'spend': ['redtrack_cost', 'redtrack_clicks'],
} %}

with stats_versions as (

    select * from {{ ref('stg_ops__everflow_daily_stats_versions') }}

),

spend_versions as (

    select * from {{ ref('stg_ops__redtrack_daily_spend_versions') }}

),

before as (

    {{ performance_before() }}

),

last_build as (

    {{ last_build() }}

)

{% for ledger, measures in ledgers.items() %}
select
    before._client_id,
    before.date
from before
inner join last_build on last_build.built_at is not null
where
    (before.{{ measures | join(' <> 0 or before.') }} <> 0)
    and not exists (
        select 1
        from {{ ledger }}_versions
        where
            {{ ledger }}_versions._client_id = before._client_id
            and {{ ledger }}_versions.date = before.date
            and {{ ledger }}_versions.known_from <= last_build.built_at
    )
{{ 'union' if not loop.last }}
{% endfor %}
