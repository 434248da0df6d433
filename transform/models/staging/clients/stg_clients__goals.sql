-- A client's goals.csv, which is optional, or a range `goals` of its spreadsheet.
-- depends_on: {{ ref('stg_clients__internal_affiliates') }}
{{ config(materialized='table') }}
{% set columns = {
    'brand': 'brand',
    'month': 'month',
    'spend': 'spend',
    'cpa': 'cpa',
    'conversions': 'conversions',
} %}

with source as (

    {% for id in var('clients') %}
    select
        *,
        'file' as origin
    from ({{ text_rows("'" ~ id ~ "'", optional_file(id, 'goals'), columns) }}) as client_file
    union all
    {% endfor %}
    select
        *,
        'google_sheets' as origin
    from ({{ text_rows('_client_id', spreadsheet_table('goals'), columns) }}) as spreadsheet

),

typed as (

    select
        source._client_id,
        brands.brand,
        brands.advertiser_id,
        {{ to_month(mapped_value('source.month')) }} as month, -- noqa: RF04
        {{ to_amount(mapped_value('source.spend')) }} as spend,
        {{ to_amount(mapped_value('source.cpa')) }} as cpa,
        {{ to_amount(mapped_value('source.conversions')) }} as conversions,
        source.origin
    from source
    inner join {{ ref('stg_clients__brands') }} as brands
        on
            source._client_id = brands._client_id
            and {{ folded(cleaned('source.brand')) }} = {{ folded('brands.brand') }}

)

{% for measure in ['spend', 'cpa', 'conversions'] %}
select
    _client_id,
    brand,
    advertiser_id,
    month,
    '{{ measure }}' as measure,
    {{ measure }} as goal,
    origin
from typed
where month is not null and {{ measure }} is not null
{{ 'union all' if not loop.last }}
{% endfor %}
