with source as (

    {{ source_or_empty('redtrack', 'daily_spend') }}

),

renamed as (

    select
        -- ids
        _client_id,
        {{ blank_to_null('source_id') }} as source_id,

        -- text
        coalesce(
            {{ blank_to_null('source_name') }},
            {{ blank_to_null('source_alias') }},
            {{ blank_to_null('source_id') }},
            'no source'
        ) as source_name,
        {{ blank_to_null('source_alias') }} as source_alias,

        -- dates
        date,

        -- measures
        clicks,
        conversions,
        cost

        -- landing page counts, conversion states and revenue omitted: Everflow is their truth
    from source

)

select * from renamed
