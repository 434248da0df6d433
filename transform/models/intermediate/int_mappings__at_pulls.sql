-- The lines by which spend is mapped, for each pull since the last build, which is identified in
-- `_client_id`: the client's current file and links, offers with their spend by then.
with changed_days as (

    select * from {{ ref('int_days__changed') }}

),

{{ moments() }},

files as (

    select
        moments.moment_id as _client_id,
        files.source_id,
        files.affiliate_label,
        files.affiliate_key,
        files.advertiser_id,
        files.advertiser_label,
        files.is_mapped,
        files.valid_from,
        files.valid_to,
        files.line_number
    from {{ ref('stg_clients__internal_affiliates') }} as files
    inner join moments on files._client_id = moments._client_id

),

campaigns as (

    select * from {{ ref('int_campaigns__at_pulls') }}

),

links as (

    select
        moments.moment_id as _client_id,
        links.offer_id,
        links.affiliate_label,
        links.affiliate_key,
        links.advertiser_id,
        links.advertiser_label
    from {{ ref('int_offers__linked') }} as links
    inner join moments on links._client_id = moments._client_id

)

{{ mapping_lines('files', 'campaigns', 'links') }}
