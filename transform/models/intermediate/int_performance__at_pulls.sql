-- daily_performance as it would have been built after each pull since the last build, which is
-- identified in `_client_id`: the days that the pull may have changed, with the current mapping.
with days as (

    select * from {{ ref('int_days__touched') }}

),

all_stats as (

    select * from {{ ref('int_stats__at_pulls') }}

),

all_spend as (

    select * from {{ ref('int_spend__at_pulls') }}

),

all_campaigns as (

    select * from {{ ref('int_campaigns__at_pulls') }}

),

mappings as (

    select * from {{ ref('int_mappings__at_pulls') }}

),

affiliates as (

    {{ affiliate_names('all_stats', 'mappings') }}

),

advertisers as (

    {{ advertiser_names('all_stats', 'mappings') }}

),

sources as (

    {{ source_names('all_spend') }}

),

stats as (

    select all_stats.*
    from all_stats
    inner join days on all_stats._client_id = days._client_id and all_stats.date = days.date

),

spend as (

    select all_spend.*
    from all_spend
    inner join days on all_spend._client_id = days._client_id and all_spend.date = days.date

),

split as (

    {{ split_spend(
        'spend', 'all_campaigns', 'mappings',
        measures={'clicks': 'bigint', 'conversions': 'bigint', 'cost': 'decimal(38, 18)'},
        own=['load_id'],
    ) }}

),

mapped as (

    {{ mapped_spend(
        'split',
        ['clicks', 'conversions', 'cost', 'load_id'],
        'mappings', 'affiliates', 'sources',
    ) }}

),

facts as (

    {{ stacked_facts('stats', 'mapped', 'mappings', 'affiliates', 'advertisers') }}

),

costed as (

    {{ costed_facts('facts') }}

)

{{ performance_rows('costed') }}
