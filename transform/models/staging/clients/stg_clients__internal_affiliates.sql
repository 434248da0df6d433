-- a table, unlike the rest of staging: a build recreates seeds, and would drop a view on them
{{ config(materialized='table') }}

with source as (

    {{ client_rows('internal-affiliates', {
        'redtrack.source': 'source_name',
        'redtrack.source_id': 'source_id',
        'everflow.affiliate_label': 'affiliate_label',
        'everflow.advertiser_id': 'advertiser_id',
        'everflow.advertiser_label': 'advertiser_label',
        'valid_from': 'valid_from',
        'valid_to': 'valid_to',
    }) }}

),

cleaned as (

    select
        _client_id,
        line_number,
        {{ mapped_value('source_name') }} as source_name,
        {{ identifier(mapped_value('source_id')) }} as source_id,
        {{ mapped_value('affiliate_label') }} as affiliate_label,
        {{ identifier(mapped_value('advertiser_id')) }} as advertiser_id,
        {{ mapped_value('advertiser_label') }} as advertiser_label,
        {{ mapped_value('valid_from') }} as valid_from,
        {{ mapped_value('valid_to') }} as valid_to
    from source

),

typed as (

    select
        -- ids
        _client_id,
        source_id,
        {{ to_whole_number('advertiser_id') }} as advertiser_id,

        -- text
        {{ readable('source_name') }} as source_name,
        ltrim({{ readable('affiliate_label') }}, '''') as affiliate_label,
        {{ readable('advertiser_label') }} as advertiser_label,

        -- dates: a blank is open, what is not a date is never valid
        {{ first_day('valid_from') }} as valid_from,
        {{ last_day('valid_to') }} as valid_to,

        -- place in the file
        line_number

        -- everflow.affiliate_id omitted: clients do not keep it current, so it is no join key
    from cleaned
    where
        source_id <> ''
        and not ({{ is_broken('source_id') }})
        and not ({{ is_mangled('source_id') }})

)

-- an advertiser that the registry does not list maps nothing
select
    _client_id,
    source_id,
    source_name,
    affiliate_label,
    {{ label_key('affiliate_label') }} as affiliate_key,
    case when {{ is_known_advertiser('_client_id', 'advertiser_id') }} then advertiser_id end
        as advertiser_id,
    advertiser_label,
    coalesce(
        affiliate_label <> ''
        and advertiser_id is not null
        and {{ is_known_advertiser('_client_id', 'advertiser_id') }},
        false
    ) as is_mapped,
    valid_from,
    valid_to,
    line_number
from typed
