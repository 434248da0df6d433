with costed as (

    select * from {{ ref('int_performance__costed') }}

),

stated as (

    select
        *,
        {{ cpa_state() }} as cpa_state
    from costed

)

-- the columns that each version of a row has too
select
    {{ performance_columns() }}
from stated
