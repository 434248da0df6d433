-- Over 120 lines: the ledger at each pull since the last build, and how its rows followed another.
-- Each stretch in which a row of daily_performance stood unchanged, from the versions that the last
-- build left, over each pull since, to now. Pulls since are read from the version ledger, for the
-- days that they changed (for all days where a name changed its spelling), with the mapping of now;
-- where a client's files changed since the last build, its pulls in between are left out.
{% set known = previous_relation('int_performance__versions') %}
{% set names = performance_names() %}

with stats_versions as (

    select * from {{ ref('stg_ops__everflow_daily_stats_versions') }}

),

spend_versions as (

    select * from {{ ref('stg_ops__redtrack_daily_spend_versions') }}

),

file_versions as (

    select * from {{ ref('stg_ops__client_file_versions') }}

),

daily_stats as (

    select * from {{ ref('stg_everflow__daily_stats') }}

),

daily_spend as (

    select * from {{ ref('stg_redtrack__daily_spend') }}

),

latest as (

    {{ performance_rows(ref('int_performance__costed')) }}

),

before as (

    select
        {{ names | join(', ') }}
    {% if known %}
    from {{ known }}
    where known_to is null
    {% else %}
    from latest
    where 1 = 0
    {% endif %}

),

last_build as (

    {% if known %}
    select max(coalesce(known_to, known_from)) as built_at from {{ known }}
    {% else %}
    select cast(null as timestamptz) as built_at
    {% endif %}

),

changed_days as (

    select
        stats_versions._client_id,
        stats_versions.date,
        stats_versions.known_from as known_at
    from stats_versions
    inner join last_build on stats_versions.known_from > last_build.built_at
    union
    select
        spend_versions._client_id,
        spend_versions.date,
        spend_versions.known_from as known_at
    from spend_versions
    inner join last_build on spend_versions.known_from > last_build.built_at

),

-- days that stand in the mart from before the ledger began: what they were in between is not known
blind_days as (

    select distinct
        before._client_id,
        before.date
    from before
    inner join last_build on last_build.built_at is not null
    where
        (
            (
                before.clicks <> 0
                or before.conversions <> 0
                or before.everflow_payout <> 0
                or before.everflow_revenue <> 0
            )
            and not exists (
                select 1
                from stats_versions
                where
                    stats_versions._client_id = before._client_id
                    and stats_versions.date = before.date
                    and stats_versions.known_from <= last_build.built_at
            )
        )
        or (
            (before.redtrack_cost <> 0 or before.redtrack_clicks <> 0)
            and not exists (
                select 1
                from spend_versions
                where
                    spend_versions._client_id = before._client_id
                    and spend_versions.date = before.date
                    and spend_versions.known_from <= last_build.built_at
            )
        )

),

pulls as (

    select distinct
        _client_id,
        known_at
    from changed_days

),

-- each stands in the place of the client in what follows
moments as (

    select
        pulls._client_id,
        pulls.known_at,
        pulls._client_id || '@' || cast(pulls.known_at as text) as moment_id
    from pulls
    where
        pulls.known_at < {{ build_instant() }}
        and not exists (
            select 1
            from file_versions
            inner join last_build on file_versions.known_from > last_build.built_at
            where file_versions._client_id = pulls._client_id
        )

),

moving_days as (

    select distinct
        _client_id,
        date
    from changed_days

),

stats as (

    {{ rows_at_moments(
        'stats_versions',
        'daily_stats',
        keys=['date', 'affiliate_id', 'advertiser_id'],
        others=[
            'affiliate_label', 'advertiser_label', 'clicks', 'conversions', 'revenue', 'payout',
            'load_id',
        ],
    ) }}

),

spend as (

    {{ rows_at_moments(
        'spend_versions',
        'daily_spend',
        keys=['date', 'source_id'],
        others=['source_name', 'clicks', 'conversions', 'cost', 'load_id'],
    ) }}

),

mappings as (

    select
        moments.moment_id as _client_id,
        files.source_id,
        files.affiliate_label,
        files.affiliate_key,
        files.advertiser_id,
        files.advertiser_label,
        files.is_mapped,
        files.valid_from,
        files.valid_to,
        files.line_number
    from {{ ref('stg_clients__internal_affiliates') }} as files
    inner join moments on files._client_id = moments._client_id

),

affiliates as (

    {{ affiliate_names('stats', 'mappings') }}

),

advertisers as (

    {{ advertiser_names('stats', 'mappings') }}

),

sources as (

    {{ source_names('spend') }}

),

-- a new spelling stands in every day
respelled as (

    select moments._client_id
    from affiliates
    inner join moments on affiliates._client_id = moments.moment_id
    inner join before
        on
            moments._client_id = before._client_id
            and affiliates.affiliate_key = {{ label_key('before.affiliate_label') }}
    where
        affiliates.affiliate_label <> before.affiliate_label
        or affiliates.affiliate_id is distinct from before.affiliate_id
    union
    select moments._client_id
    from advertisers
    inner join moments on advertisers._client_id = moments.moment_id
    inner join before
        on
            moments._client_id = before._client_id
            and advertisers.advertiser_id = before.advertiser_id
    where advertisers.advertiser_label is distinct from before.advertiser_label
    union
    select moments._client_id
    from sources
    inner join moments on sources._client_id = moments.moment_id
    inner join before
        on
            moments._client_id = before._client_id
            and {{ folded("'Unmapped: ' || sources.source_name") }}
            = {{ folded('before.affiliate_label') }}
    where before.affiliate_label <> 'Unmapped: ' || sources.source_name

),

all_days as (

    select
        _client_id,
        date
    from before
    union
    select
        _client_id,
        date
    from latest
    union
    select
        _client_id,
        date
    from moving_days

),

touched as (

    select
        moments.moment_id as _client_id,
        changed_days.date
    from changed_days
    inner join moments
        on
            changed_days._client_id = moments._client_id
            and changed_days.known_at = moments.known_at
    left join blind_days
        on
            changed_days._client_id = blind_days._client_id
            and changed_days.date = blind_days.date
    where blind_days.date is null
    union
    select
        moments.moment_id as _client_id,
        all_days.date
    from moments
    inner join respelled on moments._client_id = respelled._client_id
    inner join all_days on moments._client_id = all_days._client_id
    left join blind_days
        on
            all_days._client_id = blind_days._client_id
            and all_days.date = blind_days.date
    where blind_days.date is null

),

touched_stats as (

    select stats.*
    from stats
    inner join touched on stats._client_id = touched._client_id and stats.date = touched.date

),

touched_spend as (

    select spend.*
    from spend
    inner join touched on spend._client_id = touched._client_id and spend.date = touched.date

),

mapped as (

    {{ mapped_spend(
        'touched_spend',
        ['clicks', 'conversions', 'cost', 'load_id'],
        'mappings', 'affiliates', 'sources',
    ) }}

),

facts as (

    {{ stacked_facts('touched_stats', 'mapped', 'mappings', 'affiliates', 'advertisers') }}

),

costed as (

    {{ costed_facts('facts') }}

),

between_builds as (

    {{ performance_rows('costed') }}

),

-- the states of a day in their order; the first is what the last build left
steps as (

    select
        _client_id,
        date,
        known_at,
        row_number() over (partition by _client_id, date order by known_at) as step
    from (
        select
            moments._client_id,
            touched.date,
            moments.known_at
        from touched
        inner join moments on touched._client_id = moments.moment_id
        union all
        select
            _client_id,
            date,
            {{ build_instant() }} as known_at
        from all_days
    ) as states

),

last_steps as (

    select
        _client_id,
        date,
        max(step) as step
    from steps
    group by 1, 2

),

present as (

    select
        {{ names | join(', ') }},
        0 as step
    from before
    union all
    select
        moments._client_id,
        {% for name in names[1:] %}
        between_builds.{{ name }},
        {% endfor %}
        steps.step
    from between_builds
    inner join moments on between_builds._client_id = moments.moment_id
    inner join steps
        on
            moments._client_id = steps._client_id
            and between_builds.date = steps.date
            and moments.known_at = steps.known_at
    union all
    select
        {% for name in names %}
        latest.{{ name }},
        {% endfor %}
        last_steps.step
    from latest
    inner join last_steps
        on
            latest._client_id = last_steps._client_id
            and latest.date = last_steps.date

),

numbered as (

    select
        *,
        step - row_number() over (
            partition by {{ names | join(', ') }}
            order by step
        ) as stretch
    from present

),

stretches as (

    select
        {{ names | join(', ') }},
        min(step) as first_step,
        max(step) as last_step
    from numbered
    group by {{ names | join(', ') }}, stretch

)

select
    {% for name in names %}
    stretches.{{ name }},
    {% endfor %}
    began.known_at as known_from,
    ended.known_at as known_to
from stretches
left join steps as began
    on
        stretches._client_id = began._client_id
        and stretches.date = began.date
        and stretches.first_step = began.step
left join steps as ended
    on
        stretches._client_id = ended._client_id
        and stretches.date = ended.date
        and stretches.last_step + 1 = ended.step
-- what stood before and stands now says nothing new
where began.known_at is not null or ended.known_at is not null
