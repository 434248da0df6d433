with ledger as (

    select * from {{ ref('int_performance__ledger') }}

)

{{ costed_facts('ledger') }}
