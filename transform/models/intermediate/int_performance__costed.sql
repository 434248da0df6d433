-- the index is for int_affiliates__by_period: each period reads its days, not all of the client
{{ config(
    indexes=[{'columns': ['_client_id', 'date']}] if target.type == 'postgres' else [],
) }}

with ledger as (

    select * from {{ ref('int_performance__ledger') }}

)

{{ costed_facts('ledger') }}
