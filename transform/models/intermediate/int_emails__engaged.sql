with email_stats as (

    select * from {{ ref('stg_mautic__email_stats') }}

)

select
    _client_id,
    date,
    email_id,
    count(*) as sends,
    count(case when is_failed then 1 end) as failures,
    count(case when is_read then 1 end) as opens,
    cast(coalesce(sum(open_count), 0) as bigint) as total_opens,
    max(last_opened_at) as last_opened_at
from email_stats
group by 1, 2, 3
