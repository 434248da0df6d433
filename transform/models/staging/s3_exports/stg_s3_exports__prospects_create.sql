with source as (

    {{ source_or_empty('s3_exports', 'prospects_create') }}

),

trimmed as (

    select
        _client_id,
        _file_name,
        _row_id,
        _file_date,
        {{ without_blanks([
            'prospects_id', 'prospect_id', 'campaign_id', 'affid', 'click_id', 'state',
            'prospect_date'
        ]) }}
    from source

)

select
    -- ids
    _client_id,
    -- some accounts' exports use the singular name
    coalesce(prospects_id, prospect_id) as prospect_id,
    campaign_id,
    {{ to_whole_number('affid') }} as affiliate_id,
    click_id,

    -- text
    upper(state) as state,

    -- dates
    {{ to_date('prospect_date') }} as date,

    -- load
    _file_name,
    _row_id,
    {{ file_time('_file_name', '_file_date') }} as file_time

    -- names, addresses and the other affiliate parameters omitted
from trimmed
