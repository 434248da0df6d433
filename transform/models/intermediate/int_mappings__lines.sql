-- The lines by which spend is mapped: those of the client's file, and if the registry says so
-- (`mapping: offer`) those derived from the links of its offers.
with files as (

    select * from {{ ref('stg_clients__internal_affiliates') }}

),

campaigns as (

    select * from {{ ref('stg_redtrack__campaign_spend') }}
    where {{ maps_by_offer('_client_id') }}

),

links as (

    select * from {{ ref('int_offers__linked') }}

)

{{ mapping_lines('files', 'campaigns', 'links') }}
