-- a table, as the other file of clients is, and for the same reason
{{ config(materialized='table') }}

with source as (

    {% for id in var('clients') %}
    select
        '{{ id }}' as _client_id,
        project,
        "everflow.advertiser_id" as advertiser_id,
        "everflow.offer_id" as offer_id,
        valid_from,
        valid_to
    from {{ ref('client_' ~ id, 'projects') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

without_blanks as (

    select
        cast(_client_id as text) as _client_id,
        {{ blank_to_null('project') }} as project,
        {{ mapped_value('advertiser_id') }} as advertiser_id,
        {{ mapped_value('offer_id') }} as offer_id,
        {{ mapped_value('valid_from') }} as valid_from,
        {{ mapped_value('valid_to') }} as valid_to
    from source

),

typed as (

    select
        -- ids
        _client_id,
        {{ to_whole_number('advertiser_id') }} as advertiser_id,
        {{ to_whole_number('offer_id') }} as offer_id,

        -- text
        project,

        -- dates: a blank is open, what is no date is never valid
        case
            when valid_from is null then date '1900-01-01' else {{ to_date('valid_from') }}
        end as valid_from,
        case when valid_to is null then date '2999-12-31' else {{ to_date('valid_to') }} end
            as valid_to
    from without_blanks
    where project is not null

)

select * from typed
