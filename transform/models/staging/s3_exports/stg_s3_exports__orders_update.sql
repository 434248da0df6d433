with source as (

    {{ source_or_empty('s3_exports', 'orders_update') }}

),

renamed as (

    {{ order_lines('source') }}

)

select * from renamed
