-- Fails when summing sends loses, duplicates or moves one, or its outcome.
with facts as (

    select
        _client_id,
        date,
        email_id,
        1 as sends,
        case when is_read then 1 else 0 end as opens,
        case when is_failed then 1 else 0 end as failures
    from {{ ref('stg_mautic__email_stats') }}
    union all
    select
        _client_id,
        date,
        email_id,
        -sends as sends,
        -opens as opens,
        -failures as failures
    from {{ ref('int_emails__engaged') }}

)

select
    _client_id,
    date,
    email_id,
    sum(sends) as sends_lost,
    sum(opens) as opens_lost,
    sum(failures) as failures_lost
from facts
group by 1, 2, 3
having
    sum(sends) <> 0
    or sum(opens) <> 0
    or sum(failures) <> 0
