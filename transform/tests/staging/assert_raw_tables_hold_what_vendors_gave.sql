-- Fails when rows of a raw table that feeds no ledger were lost, doubled or changed after the load:
-- their count by day, or of a list as a whole, differs from what the vendor gave.
{% set tables = [
    ('everflow', 'conversions', 'cast(date as text)'),
    ('everflow', 'clicks', 'cast(date as text)'),
    ('everflow', 'affiliates', "'all'"),
    ('everflow', 'advertisers', "'all'"),
    ('everflow', 'offers', "'all'"),
    ('redtrack', 'campaigns', "'all'"),
    ('redtrack', 'sources', "'all'"),
    ('posthog', 'events', 'cast(date as text)'),
    ('posthog', 'feature_flags', "'all'"),
    ('posthog', 'experiments', "'all'"),
    ('mautic', 'email_stats', 'cast(date as text)'),
    ('mautic', 'contacts', "'all'"),
    ('mautic', 'emails', "'all'"),
    ('mautic', 'campaigns', "'all'"),
] %}

with control_totals as (

    select * from {{ ref('stg_ops__control_totals') }}

),

given as (

    select
        _client_id,
        source,
        table_name,
        partition_key,
        total as row_count
    from control_totals
    where measure = 'rows'

),

tables_loaded as (

    select distinct
        _client_id,
        source,
        table_name
    from given

),

kept as (

    {% for source, table, partition_key in tables %}
    select
        _client_id,
        '{{ source }}' as source,
        '{{ table }}' as table_name,
        {{ partition_key }} as partition_key,
        count(*) as row_count
    from ({{ source_or_empty(source, table) }}) as {{ source }}_{{ table }}
    group by 1, 4
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select
    tables_loaded._client_id,
    tables_loaded.source,
    tables_loaded.table_name,
    coalesce(given.partition_key, kept.partition_key) as partition_key,
    given.row_count as given_rows,
    kept.row_count as kept_rows
from given
full outer join kept
    on
        given._client_id = kept._client_id
        and given.source = kept.source
        and given.table_name = kept.table_name
        and given.partition_key = kept.partition_key
inner join tables_loaded
    on
        coalesce(given._client_id, kept._client_id) = tables_loaded._client_id
        and coalesce(given.source, kept.source) = tables_loaded.source
        and coalesce(given.table_name, kept.table_name) = tables_loaded.table_name
where
    (tables_loaded.source, tables_loaded.table_name) in (
        {% for source, table, _ in tables %}
        ('{{ source }}', '{{ table }}'){{ ',' if not loop.last }}
        {% endfor %}
    )
    and coalesce(given.row_count, 0) <> coalesce(kept.row_count, 0)
