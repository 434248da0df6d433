-- The instant of the rows with which each brand's day was last reported. Rows of no known brand use
-- the newest message about any brand of the client. `built_at` is the pull, or build, that last
-- changed those rows.
with reported_days as (

    select * from {{ ref('stg_ops__reported_days') }}

),

versions as (

    select * from {{ ref('int_performance__versions') }}

),

ranked as (

    select
        *,
        row_number() over (partition by _client_id, date order by reported_at desc, as_of desc)
            as recency
    from reported_days

),

scopes as (

    select
        _client_id,
        date,
        advertiser_id,
        as_of,
        reported_at
    from reported_days
    where advertiser_id is not null
    union all
    select
        _client_id,
        date,
        null as advertiser_id,
        as_of,
        reported_at
    from ranked
    where recency = 1

),

builds as (

    select
        _client_id,
        known_from as built_at
    from versions
    union
    select
        _client_id,
        known_to as built_at
    from versions
    where known_to is not null

)

select
    scopes._client_id,
    scopes.date,
    scopes.advertiser_id,
    scopes.as_of,
    scopes.reported_at,
    max(builds.built_at) as built_at
from scopes
left join builds
    on
        scopes._client_id = builds._client_id
        and scopes.as_of >= builds.built_at
group by 1, 2, 3, 4, 5
