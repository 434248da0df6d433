with counted as (

    select * from {{ ref('int_funnel_days__counted') }}

)

select
    -- ids
    _client_id,
    date,

    -- measures
    sessions,
    visitors,
    pageviews,
    prospects,
    orders,
    initial_orders,
    approved_initial_orders,
    conversions
from counted
