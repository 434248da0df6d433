-- Each period in which a row of daily_performance was unchanged, from the versions that the last
-- build left, through each pull since, until now.
{% set names = performance_names() %}

with changed_days as (

    select * from {{ ref('int_days__changed') }}

),

steps as (

    select * from {{ ref('int_days__stepped') }}

),

between_builds as (

    select * from {{ ref('int_performance__at_pulls') }}

),

latest as (

    {{ performance_rows(ref('int_performance__costed')) }}

),

before as (

    {{ performance_before() }}

),

{{ moments() }},

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
        steps.step
    from latest
    inner join steps
        on
            latest._client_id = steps._client_id
            and latest.date = steps.date
            and steps.is_now

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
-- a row that existed before and is current is not a change
where began.known_at is not null or ended.known_at is not null
