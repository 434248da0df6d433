with daily_stats as (

    select * from {{ ref('stg_everflow__daily_stats') }}

),

internal_affiliates as (

    select * from {{ ref('stg_clients__internal_affiliates') }}

),

spellings as (

    select
        _client_id,
        advertiser_id,
        advertiser_label,
        row_number() over (
            partition by _client_id, advertiser_id
            order by date desc, affiliate_id asc
        ) as recency
    from daily_stats
    where advertiser_id is not null and advertiser_label is not null

),

labels_in_everflow as (

    select
        _client_id,
        advertiser_id,
        advertiser_label
    from spellings
    where recency = 1

),

labels_in_file as (

    select
        _client_id,
        advertiser_id,
        min(advertiser_label) as advertiser_label
    from internal_affiliates
    where advertiser_id is not null
    group by 1, 2

)

-- the file speaks only for advertisers that Everflow has never shown
select
    coalesce(labels_in_everflow._client_id, labels_in_file._client_id) as _client_id,
    coalesce(labels_in_everflow.advertiser_id, labels_in_file.advertiser_id) as advertiser_id,
    coalesce(
        labels_in_everflow.advertiser_label, labels_in_file.advertiser_label
    ) as advertiser_label
from labels_in_everflow
full outer join labels_in_file
    on
        labels_in_everflow._client_id = labels_in_file._client_id
        and labels_in_everflow.advertiser_id = labels_in_file.advertiser_id
