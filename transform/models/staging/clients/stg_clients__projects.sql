-- a table, like stg_clients__internal_affiliates, and for the same reason
{{ config(materialized='table') }}

with source as (

    {{ client_rows('projects', {
        'project': 'project',
        'everflow.advertiser_id': 'advertiser_id',
        'everflow.offer_id': 'offer_id',
        'valid_from': 'valid_from',
        'valid_to': 'valid_to',
    }) }}

),

cleaned as (

    select
        _client_id,
        line_number,
        {{ mapped_value('project') }} as project,
        {{ identifier(mapped_value('advertiser_id')) }} as advertiser_id,
        {{ identifier(mapped_value('offer_id')) }} as offer_id,
        {{ mapped_value('valid_from') }} as valid_from,
        {{ mapped_value('valid_to') }} as valid_to
    from source

)

select
    -- ids
    _client_id,
    {{ to_whole_number('advertiser_id') }} as advertiser_id,
    {{ to_whole_number('offer_id') }} as offer_id,

    -- text
    project,

    -- dates: a blank is open, what is not a date is never valid
    {{ first_day('valid_from') }} as valid_from,
    {{ last_day('valid_to') }} as valid_to,

    -- place in the file
    line_number
from cleaned
where project is not null and not ({{ is_broken('project') }})
