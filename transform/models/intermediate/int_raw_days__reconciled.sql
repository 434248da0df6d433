-- what stands in raw against what the vendor said when it was loaded
{% set tables = {
    'everflow': 'daily_stats',
    'redtrack': 'daily_spend',
} %}
{% set sums = [
    ('everflow', 'rows', 'count(*)'),
    ('everflow', 'clicks', 'sum(clicks)'),
    ('everflow', 'conversions', 'sum(conversions)'),
    ('everflow', 'revenue', 'sum(revenue)'),
    ('everflow', 'payout', 'sum(payout)'),
    ('redtrack', 'rows', 'count(*)'),
    ('redtrack', 'clicks', 'sum(clicks)'),
    ('redtrack', 'conversions', 'sum(conversions)'),
    ('redtrack', 'cost', 'sum(cost)'),
] %}

with control_totals as (

    select * from {{ ref('stg_ops__control_totals') }}

),

raw_totals as (

    {% for source, measure, total in sums %}
    select
        _client_id,
        '{{ source }}' as source,
        date,
        '{{ measure }}' as measure,
        cast(coalesce({{ total }}, 0) as decimal(38, 18)) as raw_total
    from {{ ref('stg_' ~ source ~ '__' ~ tables[source]) }}
    group by 1, 3
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

vendor_totals as (

    select
        _client_id,
        source,
        date,
        measure,
        total
    from control_totals
    where
        (source, table_name, measure) in (
            {% for source, measure, total in sums %}
            ('{{ source }}', '{{ tables[source] }}', '{{ measure }}'){{ ',' if not loop.last }}
            {% endfor %}
        )

),

measures_known as (

    select distinct
        source,
        measure
    from vendor_totals

),

compared as (

    select
        coalesce(raw_totals._client_id, vendor_totals._client_id) as _client_id,
        coalesce(raw_totals.source, vendor_totals.source) as source,
        coalesce(raw_totals.date, vendor_totals.date) as date,
        coalesce(raw_totals.measure, vendor_totals.measure) as measure,
        -- a day with totals and no rows holds zero of everything
        cast(coalesce(raw_totals.raw_total, 0) as decimal(38, 18)) as raw_total,
        vendor_totals.total as vendor_total
    from raw_totals
    full outer join vendor_totals
        on
            raw_totals._client_id = vendor_totals._client_id
            and raw_totals.source = vendor_totals.source
            and raw_totals.date = vendor_totals.date
            and raw_totals.measure = vendor_totals.measure

),

judged as (

    select
        compared._client_id,
        compared.source,
        compared.date,
        compared.measure,
        compared.raw_total,
        compared.vendor_total,
        -- a source that ingest never loaded has nothing to be compared with; one that it did
        -- load must know every day
        case
            when measures_known.measure is null then true
            when compared.vendor_total is null then false
            else compared.raw_total = compared.vendor_total
        end as is_reconciled
    from compared
    left join measures_known
        on
            compared.source = measures_known.source
            and compared.measure = measures_known.measure

)

select * from judged
