-- Fails when a client has goals both in goals.csv and in a range `goals` of its spreadsheet: it is
-- unclear which apply. Remove the file or the range; goal_pace is not updated until then.
with goals as (

    select * from {{ ref('stg_clients__goals') }}

)

select
    _client_id,
    'goals.csv and a range goals both have goals; remove one of them' as fault
from goals
group by 1
having count(distinct origin) > 1
