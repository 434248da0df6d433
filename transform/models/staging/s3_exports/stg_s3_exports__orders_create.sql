with source as (

    {{ source_or_empty('s3_exports', 'orders_create') }}

),

renamed as (

    {{ order_lines('source') }}

)

select * from renamed
