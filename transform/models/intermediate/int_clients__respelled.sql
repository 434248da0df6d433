-- Clients for which a pull since the last build brought another spelling of a name than that build
-- left in the mart. A new spelling changes every day.
with changed_days as (

    select * from {{ ref('int_days__changed') }}

),

stats as (

    select * from {{ ref('int_stats__at_pulls') }}

),

spend as (

    select * from {{ ref('int_spend__at_pulls') }}

),

mappings as (

    select * from {{ ref('int_mappings__at_pulls') }}

),

before as (

    {{ performance_before() }}

),

{{ moments() }},

affiliates as (

    {{ affiliate_names('stats', 'mappings') }}

),

advertisers as (

    {{ advertiser_names('stats', 'mappings') }}

),

sources as (

    {{ source_names('spend') }}

)

select moments._client_id
from affiliates
inner join moments on affiliates._client_id = moments.moment_id
inner join before
    on
        moments._client_id = before._client_id
        and affiliates.affiliate_key = {{ label_key('before.affiliate_label') }}
where
    affiliates.affiliate_label <> before.affiliate_label
    or affiliates.affiliate_id is distinct from before.affiliate_id
union
select moments._client_id
from advertisers
inner join moments on advertisers._client_id = moments.moment_id
inner join before
    on
        moments._client_id = before._client_id
        and advertisers.advertiser_id = before.advertiser_id
where advertisers.advertiser_label is distinct from before.advertiser_label
union
select moments._client_id
from sources
inner join moments on sources._client_id = moments.moment_id
inner join before
    on
        moments._client_id = before._client_id
        and {{ folded("'Unmapped: ' || sources.source_name") }}
        = {{ folded('before.affiliate_label') }}
where before.affiliate_label <> 'Unmapped: ' || sources.source_name
