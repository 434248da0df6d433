with versions as (

    select * from {{ ref('int_performance__versions') }}

)

select
    {{ performance_columns(is_final=true) }},

    -- what was known when
    known_from,
    known_to
from versions
