with source as (

    {{ source_or_empty('redtrack', 'sources') }}

),

renamed as (

    select
        -- ids
        _client_id,
        {{ blank_to_null('id') }} as source_id,

        -- text
        coalesce(
            {{ blank_to_null('title') }}, {{ blank_to_null('alias') }}, {{ blank_to_null('id') }}
        ) as source_name,
        {{ blank_to_null('alias') }} as source_alias,
        lower({{ blank_to_null('status') }}) as status,
        {{ blank_to_null('currency') }} as currency,

        -- dates
        created_at,
        updated_at

        -- type omitted
    from source

)

select * from renamed
