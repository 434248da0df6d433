-- Maps spend: a line maps a source, or one of its offers, to an affiliate and an advertiser.
with daily_spend as (

    select * from {{ ref('stg_redtrack__daily_spend') }}

),

campaigns as (

    select * from {{ ref('stg_redtrack__campaign_spend') }}
    where {{ maps_by_offer('_client_id') }}

),

lines as (

    select * from {{ ref('int_mappings__lines') }}

),

spend as (

    {{ split_spend(
        'daily_spend', 'campaigns', 'lines',
        measures={'clicks': 'bigint', 'conversions': 'bigint', 'cost': 'decimal(38, 18)'},
        own=['load_id'],
    ) }}

)

{{ mapped_spend('spend', ['clicks', 'conversions', 'cost', 'load_id']) }}
