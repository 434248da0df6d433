-- The states of each day in order: after each pull since the last build that may have changed it,
-- and now. The first one follows what the last build left.
with changed_days as (

    select * from {{ ref('int_days__changed') }}

),

touched as (

    select * from {{ ref('int_days__touched') }}

),

latest as (

    select * from {{ ref('int_performance__costed') }}

),

before as (

    {{ performance_before() }}

),

{{ moments() }},

all_days as (

    {{ days_of(['before', 'latest', 'changed_days']) }}

)

select
    _client_id,
    date,
    known_at,
    is_now,
    row_number() over (partition by _client_id, date order by known_at) as step
from (
    select
        moments._client_id,
        touched.date,
        moments.known_at,
        false as is_now
    from touched
    inner join moments on touched._client_id = moments.moment_id
    union all
    select
        _client_id,
        date,
        {{ build_instant() }} as known_at,
        true as is_now
    from all_days
) as states
