-- Over 120 lines: three states of a line, five measures, eight causes.
-- Each difference between a day as it was reported and as it is now, split into its causes. The
-- mart as of then differs from raw as of then with the current mapping by our edits; raw as of then
-- differs from current raw by the vendors' changes. What no cause accounts for is a separate part.
{% set measures = ['conversions', 'everflow_payout', 'everflow_revenue', 'redtrack_cost', 'cost'] %}
{% set causes = ['late_conversion', 'reversed_conversion', 'payout_change', 'adjustment'] %}

with reported as (

    select * from {{ ref('int_days__reported') }}

),

file_versions as (

    select
        *,
        row_number() over (partition by _client_id, file_name order by recorded_at) as number
    from {{ ref('stg_ops__client_file_versions') }}
    where file_name in ('internal-affiliates.csv', 'dbt_project.yml')

),

-- if links of offers map spend, a changed link or a new offer also edits the mapping
link_versions as (

    select
        _client_id,
        cast(null as date) as date,
        known_from
    from {{ ref('stg_ops__redtrack_offers_versions') }}
    where {{ maps_by_offer('_client_id') }}
    union all
    select
        _client_id,
        date,
        known_from
    from {{ ref('stg_ops__redtrack_campaign_spend_versions') }}
    where {{ maps_by_offer('_client_id') }}

),

caused as (

    select * from {{ ref('int_changes__caused') }}

),

states as (

    select
        versions._client_id,
        versions.date,
        versions.advertiser_id,
        lower(versions.affiliate_label) as affiliate_key,
        versions.affiliate_label,
        reported.built_at,
        reported.as_of,
        reported.reported_at,
        'reported' as state,
        versions.is_internal or versions.is_unmapped as is_paid_by_spend,
        {% for measure in measures %}
        cast(versions.{{ measure }} as decimal(38, 18)) as {{ measure }},
        {% endfor %}
        false as is_renamed
    from {{ ref('int_performance__versions') }} as versions
    inner join reported
        on
            versions._client_id = reported._client_id
            and versions.date = reported.date
            and versions.known_from <= reported.as_of
            and (versions.known_to > reported.as_of or versions.known_to is null)
            and {{ in_scope('versions', 'reported') }}
    union all
    select
        remapped._client_id,
        remapped.date,
        remapped.advertiser_id,
        remapped.affiliate_key,
        remapped.affiliate_label,
        reported.built_at,
        reported.as_of,
        reported.reported_at,
        'remapped' as state,
        cast(null as boolean) as is_paid_by_spend,
        {% for measure in measures %}
        remapped.{{ measure }},
        {% endfor %}
        remapped.is_renamed
    from {{ ref('int_performance__as_reported') }} as remapped
    inner join reported
        on
            remapped._client_id = reported._client_id
            and remapped.date = reported.date
            and remapped.built_at = reported.built_at
            and {{ in_scope('remapped', 'reported') }}
    union all
    select
        costed._client_id,
        costed.date,
        costed.advertiser_id,
        lower(costed.affiliate_label) as affiliate_key,
        costed.affiliate_label,
        reported.built_at,
        reported.as_of,
        reported.reported_at,
        'latest' as state,
        costed.is_internal or costed.is_unmapped as is_paid_by_spend,
        {% for measure in measures %}
        cast(costed.{{ measure }} as decimal(38, 18)) as {{ measure }},
        {% endfor %}
        false as is_renamed
    from {{ ref('int_performance__costed') }} as costed
    inner join reported
        on
            costed._client_id = reported._client_id
            and costed.date = reported.date
            and {{ in_scope('costed', 'reported') }}

),

lines as (

    select
        _client_id,
        date,
        advertiser_id,
        affiliate_key,
        built_at,
        as_of,
        reported_at,
        coalesce(
            max(case when state = 'latest' then affiliate_label end), max(affiliate_label)
        ) as affiliate_label,
        coalesce(
            bool_or(case when state = 'latest' then is_paid_by_spend end),
            bool_or(is_paid_by_spend),
            false
        ) as is_paid_by_spend,
        {% for state in ['reported', 'remapped', 'latest'] %}
        {% for measure in measures %}
        sum(case when state = '{{ state }}' then {{ measure }} else 0 end)
            as {{ state }}_{{ measure }},
        {% endfor %}
        {% endfor %}
        bool_or(is_renamed) as is_renamed
    from states
    group by 1, 2, 3, 4, 5, 6, 7

),

-- names change for a whole day: the old line loses what the new one gains
renamed_days as (

    select distinct
        _client_id,
        date,
        built_at
    from lines
    where is_renamed

),

edited as (

    select
        lines.*,
        renamed_days.date is not null
        or exists (
            select 1
            from file_versions
            where
                file_versions.number > 1
                and lines._client_id = file_versions._client_id
                and lines.built_at < file_versions.known_from
        )
        or exists (
            select 1
            from link_versions
            where
                lines._client_id = link_versions._client_id
                and lines.date = coalesce(link_versions.date, lines.date)
                and lines.built_at < link_versions.known_from
        ) as is_edited
    from lines
    left join renamed_days
        on
            lines._client_id = renamed_days._client_id
            and lines.date = renamed_days.date
            and lines.built_at = renamed_days.built_at

),

{% for cause in causes %}
{{ cause }}s as (

    select * from caused
    where cause = '{{ cause }}'

),

{% endfor %}
explained as (

    select
        edited.*,
        {% for cause in causes %}
        {% for measure in measures[:3] %}
        coalesce({{ cause }}s.{{ measure }}, 0) as {{ cause }}_{{ measure }},
        {% endfor %}
        {% endfor %}
        coalesce(edited.built_at is not null, false) as is_known
    from edited
    {% for cause in causes %}
    left join {{ cause }}s
        on
            edited._client_id = {{ cause }}s._client_id
            and edited.date = {{ cause }}s.date
            and edited.built_at = {{ cause }}s.built_at
            and edited.advertiser_id = {{ cause }}s.advertiser_id
            and edited.affiliate_key = {{ cause }}s.affiliate_key
    {% endfor %}

),

-- one row for each measure: the total of each side of the change
measured as (

    {% for measure in measures %}
    {% set of_everflow = 'everflow_payout' if measure == 'cost' else measure %}
    select
        _client_id,
        date,
        advertiser_id,
        affiliate_label,
        reported_at,
        is_edited,
        '{{ measure }}' as measure,
        reported_{{ measure }} as reported_value,
        latest_{{ measure }} as value,  -- noqa: RF04
        remapped_{{ measure }} - reported_{{ measure }} as edits,
        latest_{{ measure }} - remapped_{{ measure }} as vendors,
        {% for cause in causes %}
        {% if measure == 'redtrack_cost' %}
        0 as {{ cause }},
        {% elif measure == 'cost' %}
        case when is_paid_by_spend then 0 else {{ cause }}_{{ of_everflow }} end as {{ cause }},
        {% else %}
        {{ cause }}_{{ of_everflow }} as {{ cause }},
        {% endif %}
        {% endfor %}
    {% if measure == 'redtrack_cost' %}
    latest_redtrack_cost - remapped_redtrack_cost as spend_rewrite
    {% elif measure == 'cost' %}
    case when is_paid_by_spend then latest_cost - remapped_cost else 0 end as spend_rewrite
    {% else %}
    0 as spend_rewrite
    {% endif %}
    from explained
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- an unchanged amount is of interest only if known causes cancel each other out exactly: details
-- that a source reports later than its totals do not change these
told as (

    select * from measured
    where reported_value <> value or vendors = {{ causes | join(' + ') }} + spend_rewrite

),

parts as (

    {% for cause in causes + ['spend_rewrite'] %}
    select
        *,
        '{{ cause }}' as cause,
        {{ cause }} as amount
    from told
    union all
    {% endfor %}
    select
        *,
        case when is_edited then 'mapping_edit' else 'model_change' end as cause,
        edits as amount
    from told
    union all
    select
        *,
        'unexplained' as cause,
        vendors - {{ causes | join(' - ') }} - spend_rewrite as amount
    from told

)

select
    -- ids
    _client_id,
    date,
    advertiser_id,
    affiliate_label,
    measure,

    -- measures
    cast(reported_value as decimal(38, 18)) as reported_value,
    cast(value as decimal(38, 18)) as value,  -- noqa: RF04
    cause,
    cast(amount as decimal(38, 18)) as amount,

    -- dates
    reported_at
from parts
where amount <> 0
