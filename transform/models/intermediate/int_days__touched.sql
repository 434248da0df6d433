-- The days whose rows of the mart may have differed after a pull since the last build, which is
-- identified in `_client_id`: those that it changed, or all if it changed the spelling of a name.
with changed_days as (

    select * from {{ ref('int_days__changed') }}

),

respelled as (

    select * from {{ ref('int_clients__respelled') }}

),

blind_days as (

    select * from {{ ref('int_days__before_ledger') }}

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

),

touched as (

    select
        moment_id,
        _client_id,
        date
    from changed_days
    where moment_id is not null
    union
    select
        moments.moment_id,
        moments._client_id,
        all_days.date
    from moments
    inner join respelled on moments._client_id = respelled._client_id
    inner join all_days on moments._client_id = all_days._client_id

)

select
    touched.moment_id as _client_id,
    touched.date
from touched
left join blind_days
    on
        touched._client_id = blind_days._client_id
        and touched.date = blind_days.date
where blind_days.date is null
