-- Warns about lines of internal-affiliates.csv that count as unmapped though they name an
-- affiliate: a failed formula for a label, an id that became a number, an advertiser that the
-- registry does not list. `signalroom build` leaves such lines out and names them itself.
{{ config(severity='warn', enabled=not env_var('SIGNALROOM_CLIENT_PACKAGES', '')) }}
{% set columns = {
    'redtrack.source_id': 'source_id',
    'everflow.affiliate_label': 'affiliate_label',
    'everflow.advertiser_id': 'advertiser_id',
} %}

with source as (

    {{ client_rows('internal-affiliates', columns) }}

),

cleaned as (

    select
        _client_id,
        {{ identifier(mapped_value('source_id')) }} as source_id,
        {{ mapped_value('affiliate_label') }} as affiliate_label,
        {{ identifier(mapped_value('advertiser_id')) }} as advertiser_id
    from source

)

select *
from cleaned
where
    {{ is_broken('source_id') }}
    or {{ is_mangled('source_id') }}
    or {{ is_broken('affiliate_label') }}
    or (
        advertiser_id is not null
        and not coalesce(
            {{ is_known_advertiser('_client_id', to_whole_number('advertiser_id')) }}, false
        )
    )
