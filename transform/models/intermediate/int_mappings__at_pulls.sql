-- The mapping of now, for each pull since the last build, which stands in `_client_id`.
with changed_days as (

    select * from {{ ref('int_days__changed') }}

),

files as (

    select * from {{ ref('stg_clients__internal_affiliates') }}

),

{{ moments() }}

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
from files
inner join moments on files._client_id = moments._client_id
