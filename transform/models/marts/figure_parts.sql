-- The raw rows that a day's figures are made of, one for each nonzero amount.
{% set amounts = [
    ('everflow', 'clicks', 'clicks', 'clicks', 'false'),
    ('everflow', 'conversions', 'conversions', 'conversions', 'false'),
    ('everflow', 'everflow_payout', 'payout', 'everflow_payout', 'not ledger.is_internal'),
    ('everflow', 'everflow_revenue', 'revenue', 'everflow_revenue', 'false'),
    ('redtrack', 'redtrack_clicks', 'clicks', 'redtrack_clicks', 'false'),
    ('redtrack', 'redtrack_cost', 'cost', 'redtrack_cost', 'true'),
] %}
{% set tables = {
    'everflow': "'everflow.daily_stats'",
    'redtrack': "case
        when ledger.mapping_rule <> 'remainder' and ledger.campaign_id is not null
            then 'redtrack.campaign_spend'
        else 'redtrack.daily_spend'
    end",
} %}

with ledger as (

    select * from {{ ref('int_performance__ledger') }}

),

days as (

    select * from {{ ref('int_days__requested') }}

),

-- A load replaces whole days; the ledger is not rebuilt after a load with the same rows.
loads as (

    {% for table in ['everflow.daily_stats', 'redtrack.daily_spend', 'redtrack.campaign_spend'] %}
    select
        _client_id,
        date,
        '{{ table }}' as source_table,
        max(load_id) as load_id
    from {{ ref('stg_' ~ table.replace('.', '__')) }}
    group by 1, 2
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

{% for source, measure, column, amount, is_cost in amounts %}
select
    ledger._client_id,
    ledger.date,
    ledger.advertiser_id,
    ledger.advertiser_label,
    ledger.affiliate_id,
    ledger.affiliate_label,
    ledger.is_internal,
    ledger.is_unmapped,
    '{{ measure }}' as measure,
    {{ tables[source] }} as source_table,
    '{{ column }}' as source_column,
    ledger.everflow_affiliate_id,
    ledger.source_id,
    ledger.source_name,
    ledger.campaign_id,
    ledger.offer_id,
    cast(ledger.{{ amount }} as decimal(38, 18)) as amount,
    {{ is_cost }} as is_cost,
    ledger.mapping_rule,
    ledger.mapping_line,
    loads.load_id,
    days.{{ source }}_loaded_at as loaded_at
from ledger
left join days on ledger._client_id = days._client_id and ledger.date = days.date
left join loads
    on
        ledger._client_id = loads._client_id
        and ledger.date = loads.date
        and loads.source_table = {{ tables[source] }}
where ledger.source = '{{ source }}' and ledger.{{ amount }} <> 0
{{ 'union all' if not loop.last }}
{% endfor %}
