-- The days that each pull since the last build changed. `moment_id` is used in place of the client
-- when the ledger is read as of that pull: not if the client's files changed since.
with stats_versions as (

    select * from {{ ref('stg_ops__everflow_daily_stats_versions') }}

),

spend_versions as (

    select * from {{ ref('stg_ops__redtrack_daily_spend_versions') }}

),

campaigns_versions as (

    select * from {{ ref('stg_ops__redtrack_campaign_spend_versions') }}
    where {{ maps_by_offer('_client_id') }}

),

file_versions as (

    select * from {{ ref('stg_ops__client_file_versions') }}

),

last_build as (

    {{ last_build() }}

),

changed_days as (

    {% for ledger in ['stats', 'spend', 'campaigns'] %}
    select
        {{ ledger }}_versions._client_id,
        {{ ledger }}_versions.date,
        {{ ledger }}_versions.known_from as known_at
    from {{ ledger }}_versions
    inner join last_build on {{ ledger }}_versions.known_from > last_build.built_at
    {{ 'union' if not loop.last }}
    {% endfor %}

),

edited_clients as (

    select distinct file_versions._client_id
    from file_versions
    inner join last_build on file_versions.known_from > last_build.built_at

)

select
    changed_days._client_id,
    changed_days.date,
    changed_days.known_at,
    case
        when edited_clients._client_id is null and changed_days.known_at < {{ build_instant() }}
            then changed_days._client_id || '@' || cast(changed_days.known_at as text)
    end as moment_id
from changed_days
left join edited_clients on changed_days._client_id = edited_clients._client_id
