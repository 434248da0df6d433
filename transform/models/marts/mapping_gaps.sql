with gaps as (

    select * from {{ ref('int_mappings__gaps') }}

),

suggestions as (

    select * from {{ ref('int_mappings__suggested') }}

),

links as (

    select * from {{ ref('int_sources__linked') }}

),

sources as (

    select * from {{ ref('stg_redtrack__sources') }}

),

affiliates as (

    select * from {{ ref('int_affiliates__named') }}

),

advertisers as (

    select * from {{ ref('int_advertisers__named') }}

),

-- a link takes precedence over a similar name
suggested as (

    select
        gaps.*,
        coalesce(links.affiliate_label, suggestions.affiliate_label) as suggested_affiliate_label,
        case
            when links.source_id is not null then links.advertiser_id
            else suggestions.advertiser_id
        end as suggested_advertiser_id,
        case when links.source_id is null then suggestions.similarity end as similarity,
        case
            when links.source_id is not null then 'link'
            when suggestions.source_id is not null then 'name'
        end as suggested_by,
        links.affiliate_id as linked_affiliate_id
    from gaps
    left join links
        on
            gaps._client_id = links._client_id
            and gaps.source_id = links.source_id
    left join suggestions
        on
            gaps._client_id = suggestions._client_id
            and gaps.source_id = suggestions.source_id
            and gaps.gap = 'unmapped'

)

select
    -- ids
    suggested._client_id,
    suggested.source_id,
    suggested.source_name,
    suggested.gap,
    suggested.advertiser_id,
    suggested.affiliate_label,
    suggested.mapping_line,

    -- dates
    suggested.first_seen,
    suggested.last_seen,

    -- measures
    suggested.days,
    suggested.cost,

    -- a hint for the person who keeps the file
    suggested.suggested_affiliate_label,
    suggested.suggested_advertiser_id,
    suggested.similarity,
    suggested.suggested_by,
    case
        when suggested.suggested_by is not null
            then
                {{ csv_cell('suggested.source_name') }}
                || ',' || {{ csv_cell('sources.source_alias') }}
                || ',' || {{ csv_cell('suggested.source_id') }}
                || ',' || coalesce(
                    cast(
                        coalesce(affiliates.affiliate_id, suggested.linked_affiliate_id) as text
                    ),
                    ''
                )
                || ',' || {{ csv_cell('suggested.suggested_affiliate_label') }}
                || ',' || coalesce(cast(suggested.suggested_advertiser_id as text), '')
                || ',' || {{ csv_cell('advertisers.advertiser_label') }}
    end as suggested_line
from suggested
left join sources
    on
        suggested._client_id = sources._client_id
        and suggested.source_id = sources.source_id
left join affiliates
    on
        suggested._client_id = affiliates._client_id
        and {{ label_key('suggested.suggested_affiliate_label') }} = affiliates.affiliate_key
left join advertisers
    on
        suggested._client_id = advertisers._client_id
        and suggested.suggested_advertiser_id = advertisers.advertiser_id
