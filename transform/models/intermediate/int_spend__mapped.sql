-- whose spend it is: the client's file maps a source to an affiliate label and an advertiser
with spend as (

    select * from {{ ref('stg_redtrack__daily_spend') }}

),

mappings as (

    select * from {{ ref('stg_clients__internal_affiliates') }}

),

affiliates as (

    select * from {{ ref('int_affiliates__named') }}

),

-- two sources of one name make one unmapped row: it takes the newest spelling
source_spellings as (

    select
        _client_id,
        source_name,
        {{ folded('source_name') }} as source_key,
        row_number() over (
            partition by _client_id, {{ folded('source_name') }}
            order by date desc, source_id asc
        ) as age
    from spend

),

mapped as (

    select
        spend._client_id,
        spend.date,
        spend.source_id,
        spend.source_name,
        mappings.advertiser_id,
        not coalesce(mappings.is_mapped, false) as is_unmapped,
        case when mappings.is_mapped then affiliates.affiliate_id end as affiliate_id,
        case
            when mappings.is_mapped
                then coalesce(affiliates.affiliate_label, mappings.affiliate_label)
            else 'Unmapped: ' || source_spellings.source_name
        end as affiliate_label,
        spend.clicks,
        spend.conversions,
        spend.cost
    from spend
    left join mappings
        on
            spend._client_id = mappings._client_id
            and spend.source_id = mappings.source_id
    left join affiliates
        on
            mappings._client_id = affiliates._client_id
            and mappings.affiliate_key = affiliates.affiliate_key
    left join source_spellings
        on
            spend._client_id = source_spellings._client_id
            and {{ folded('spend.source_name') }} = source_spellings.source_key
            and source_spellings.age = 1

)

select * from mapped
