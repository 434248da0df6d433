with source as (

    {{ source_or_empty('s3_exports', 'prospects_create') }}

),

renamed as (

    select
        -- ids
        _client_id,
        {{ blank_to_null('prospects_id') }} as prospect_id,
        {{ blank_to_null('campaign_id') }} as campaign_id,
        {{ to_whole_number('affid') }} as affiliate_id,
        {{ blank_to_null('click_id') }} as click_id,

        -- text
        upper({{ blank_to_null('state') }}) as state,

        -- dates
        {{ to_date('prospect_date') }} as date,

        -- load
        _file_name,
        _row_id,
        {{ file_time('_file_name', '_file_date') }} as file_time

        -- names, addresses and the other affiliate parameters omitted
    from source

)

select * from renamed
