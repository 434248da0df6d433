-- what stands in raw against what the vendor said when it was loaded
{% set measured = {
    'everflow': {
        'table': 'daily_stats',
        'staging': ref('stg_everflow__daily_stats'),
        'measures': ['clicks', 'conversions', 'revenue', 'payout'],
    },
    'redtrack': {
        'table': 'daily_spend',
        'staging': ref('stg_redtrack__daily_spend'),
        'measures': ['clicks', 'conversions', 'cost'],
    },
} %}

with control_totals as (

    select * from {{ ref('stg_ops__control_totals') }}

),

raw_totals as (

    {% for source, facts in measured.items() %}
    {% for measure in ['rows'] + facts.measures %}
    select
        _client_id,
        '{{ source }}' as source,
        '{{ facts.table }}' as table_name,
        date,
        '{{ measure }}' as measure,
        cast(
            {{ 'count(*)' if measure == 'rows' else 'coalesce(sum(' ~ measure ~ '), 0)' }}
            as decimal(38, 18)
        ) as raw_total
    from {{ facts.staging }}
    group by 1, 4
    {{ 'union all' if not loop.last }}
    {% endfor %}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

vendor_totals as (

    select
        _client_id,
        source,
        table_name,
        date,
        measure,
        total
    from control_totals
    where
        {% for source, facts in measured.items() %}
        (
            source = '{{ source }}'
            and table_name = '{{ facts.table }}'
            and measure in ('rows', '{{ facts.measures | join("', '") }}')
        )
        {{ 'or' if not loop.last }}
        {% endfor %}

),

measures_known as (

    select distinct
        source,
        table_name,
        measure
    from vendor_totals

),

compared as (

    select
        coalesce(raw_totals._client_id, vendor_totals._client_id) as _client_id,
        coalesce(raw_totals.source, vendor_totals.source) as source,
        coalesce(raw_totals.table_name, vendor_totals.table_name) as table_name,
        coalesce(raw_totals.date, vendor_totals.date) as date,
        coalesce(raw_totals.measure, vendor_totals.measure) as measure,
        -- a day with totals and no rows holds zero of everything
        coalesce(raw_totals.raw_total, 0) as raw_total,
        vendor_totals.total as vendor_total
    from raw_totals
    full outer join vendor_totals
        on
            raw_totals._client_id = vendor_totals._client_id
            and raw_totals.source = vendor_totals.source
            and raw_totals.table_name = vendor_totals.table_name
            and raw_totals.date = vendor_totals.date
            and raw_totals.measure = vendor_totals.measure

),

judged as (

    select
        compared._client_id,
        compared.source,
        compared.table_name,
        compared.date,
        compared.measure,
        compared.raw_total,
        compared.vendor_total,
        -- a table that ingest never loaded has nothing to be compared with; one that it did
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
            and compared.table_name = measures_known.table_name
            and compared.measure = measures_known.measure

)

select * from judged
