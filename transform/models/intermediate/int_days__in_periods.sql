-- the day itself, the 7 days up to it and its month so far, each with its comparison period
with days as (

    select * from {{ ref('int_days__requested') }}

),

months as (

    select
        _client_id,
        date,
        cast(date_trunc('month', date) as date) as month_start,
        cast(date_trunc('month', date) - interval '1 month' as date) as previous_month_start
    from days

)

select
    _client_id,
    'day' as period,
    date as period_start,
    date as period_end,
    date - 1 as previous_start,
    date - 1 as previous_end
from days
union all
select
    _client_id,
    'last_7_days' as period,
    date - 6 as period_start,
    date as period_end,
    date - 13 as previous_start,
    date - 7 as previous_end
from days
union all
-- the same number of days of the month before, which may be shorter
select
    _client_id,
    'month_to_date' as period,
    month_start as period_start,
    date as period_end,
    previous_month_start as previous_start,
    least(
        previous_month_start + cast(date - month_start as integer), month_start - 1
    ) as previous_end
from months
