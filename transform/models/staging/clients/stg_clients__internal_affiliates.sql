-- a table, unlike the rest of staging: a full refresh drops seeds, and a view on them with them
{{ config(materialized='table') }}

with source as (

    {% for id in var('clients') %}
    select
        '{{ id }}' as _client_id,
        "redtrack.source" as source_name,
        "redtrack.source_id" as source_id,
        "everflow.affiliate_label" as affiliate_label,
        "everflow.advertiser_id" as advertiser_id,
        "everflow.advertiser_label" as advertiser_label
    from {{ ref('client_' ~ id, 'internal-affiliates') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

without_blanks as (

    select
        cast(_client_id as text) as _client_id,
        {{ blank_to_null('source_name') }} as source_name,
        {{ blank_to_null('source_id') }} as source_id,
        {{ mapped_value('affiliate_label') }} as affiliate_label,
        {{ mapped_value('advertiser_id') }} as advertiser_id,
        {{ mapped_value('advertiser_label') }} as advertiser_label
    from source

),

typed as (

    select
        -- ids
        _client_id,
        source_id,
        {{ to_whole_number('advertiser_id') }} as advertiser_id,

        -- text
        source_name,
        affiliate_label,
        {{ folded('affiliate_label') }} as affiliate_key,
        advertiser_label,

        -- truth
        affiliate_label is not null
        and {{ to_whole_number('advertiser_id') }} is not null as is_mapped

        -- everflow.affiliate_id omitted: clients do not keep it up to date, it joins to nothing
    from without_blanks
    where source_id is not null

)

select * from typed
