{#-
  The steps from raw rows to rows of daily_performance, each on given relations: once for current
  data, and once for what was known at earlier instants (int_performance__states), where
  `_client_id` holds the instant.
-#}

{#- One spelling of each affiliate: Everflow's newest, else the first of the client's file. -#}
{% macro affiliate_names(stats, mappings) -%}
select
    _client_id,
    affiliate_key,
    affiliate_label,
    affiliate_id
from (
    select
        _client_id,
        {{ label_key('affiliate_label') }} as affiliate_key,
        affiliate_label,
        min(affiliate_id) over (
            partition by _client_id, {{ label_key('affiliate_label') }}
        ) as affiliate_id,
        row_number() over (
            partition by _client_id, {{ label_key('affiliate_label') }}
            order by date desc, affiliate_id asc, advertiser_id asc, affiliate_label collate "C" asc
        ) as recency
    from (
        select
            _client_id,
            affiliate_label,
            affiliate_id,
            date,
            advertiser_id
        from {{ stats }}
        union all
        select distinct
            _client_id,
            affiliate_label,
            cast(null as bigint) as affiliate_id,
            date '0001-01-01' as date,
            cast(null as bigint) as advertiser_id
        from {{ mappings }}
        where is_mapped
    ) as spellings
) as versioned
where recency = 1
{%- endmacro %}

{#- One label of each advertiser; the file is used only for those that Everflow has never shown. -#}
{% macro advertiser_names(stats, mappings) -%}
select
    coalesce(labels_in_everflow._client_id, labels_in_file._client_id) as _client_id,
    coalesce(labels_in_everflow.advertiser_id, labels_in_file.advertiser_id) as advertiser_id,
    coalesce(
        labels_in_everflow.advertiser_label, labels_in_file.advertiser_label
    ) as advertiser_label
from (
    select
        _client_id,
        advertiser_id,
        advertiser_label
    from (
        select
            _client_id,
            advertiser_id,
            advertiser_label,
            row_number() over (
                partition by _client_id, advertiser_id
                order by date desc, affiliate_id asc
            ) as recency
        from {{ stats }}
        where advertiser_id is not null and advertiser_label is not null
    ) as spellings
    where recency = 1
) as labels_in_everflow
full outer join (
    select
        _client_id,
        advertiser_id,
        min(advertiser_label) as advertiser_label
    from {{ mappings }}
    where advertiser_id is not null
    group by 1, 2
) as labels_in_file
    on
        labels_in_everflow._client_id = labels_in_file._client_id
        and labels_in_everflow.advertiser_id = labels_in_file.advertiser_id
{%- endmacro %}

{#- Two sources of the same name make one unmapped row, with the newest spelling. -#}
{% macro source_names(spend) -%}
select
    _client_id,
    source_key,
    source_name
from (
    select
        _client_id,
        source_name,
        {{ folded('source_name') }} as source_key,
        row_number() over (
            partition by _client_id, {{ folded('source_name') }}
            order by date desc, source_id asc
        ) as recency
    from {{ spend }}
) as spellings
where recency = 1
{%- endmacro %}

{#-
  Everflow's facts and RedTrack's facts stacked, never joined: a join would double conversions where
  several sources feed one affiliate, and lose spend without conversions. `spend` is mapped.
-#}
{% macro stacked_facts(stats, spend, mappings, affiliates, advertisers) -%}
select
    facts.*,
    advertisers.advertiser_label
from (
    select
        daily_stats._client_id,
        daily_stats.date,
        'everflow' as source,
        daily_stats.advertiser_id,
        affiliates.affiliate_id,
        affiliates.affiliate_label,
        internal_days.affiliate_key is not null as is_internal,
        false as is_unmapped,
        daily_stats.affiliate_id as everflow_affiliate_id,
        cast(null as text) as source_id,
        cast(null as text) as source_name,
        cast(null as text) as campaign_id,
        cast(null as text) as offer_id,
        daily_stats.clicks,
        daily_stats.conversions,
        daily_stats.payout as everflow_payout,
        daily_stats.revenue as everflow_revenue,
        cast(null as bigint) as redtrack_clicks,
        cast(null as bigint) as redtrack_conversions,
        cast(null as decimal(38, 18)) as redtrack_cost,
        internal_days.mapping_rule,
        internal_days.mapping_line,
        daily_stats.load_id
    from (
        select
            *,
            {{ label_key('affiliate_label') }} as affiliate_key
        from {{ stats }}
    ) as daily_stats
    left join {{ affiliates }} as affiliates
        on
            daily_stats._client_id = affiliates._client_id
            and daily_stats.affiliate_key = affiliates.affiliate_key
    -- several sources may pay for one affiliate: list it once
    left join (
        select
            stats._client_id,
            stats.date,
            stats.advertiser_id,
            {{ label_key('stats.affiliate_label') }} as affiliate_key,
            min(mappings.line_number) as mapping_line,
            min(mappings.mapping_rule) as mapping_rule
        from {{ stats }} as stats
        inner join {{ mappings }} as mappings
            on
                stats._client_id = mappings._client_id
                and stats.advertiser_id = mappings.advertiser_id
                and {{ label_key('stats.affiliate_label') }} = mappings.affiliate_key
                and stats.date between mappings.valid_from and mappings.valid_to
        where mappings.is_mapped
        group by 1, 2, 3, 4
    ) as internal_days
        on
            daily_stats._client_id = internal_days._client_id
            and daily_stats.date = internal_days.date
            and daily_stats.advertiser_id = internal_days.advertiser_id
            and daily_stats.affiliate_key = internal_days.affiliate_key
    union all
    select
        _client_id,
        date,
        'redtrack' as source,
        advertiser_id,
        affiliate_id,
        affiliate_label,
        not is_unmapped as is_internal,
        is_unmapped,
        cast(null as bigint) as everflow_affiliate_id,
        source_id,
        source_name,
        campaign_id,
        offer_id,
        cast(null as bigint) as clicks,
        cast(null as bigint) as conversions,
        cast(null as decimal(38, 18)) as everflow_payout,
        cast(null as decimal(38, 18)) as everflow_revenue,
        clicks as redtrack_clicks,
        conversions as redtrack_conversions,
        cost as redtrack_cost,
        mapping_rule,
        mapping_line,
        load_id
    from {{ spend }}
) as facts
left join {{ advertisers }} as advertisers
    on
        facts._client_id = advertisers._client_id
        and facts.advertiser_id = advertisers.advertiser_id
{%- endmacro %}

{#- The ledger summed, with the cost that each affiliate's kind implies. -#}
{% macro costed_facts(ledger) -%}
select
    *,
    case when is_internal or is_unmapped then redtrack_cost else everflow_payout end as cost
from (
    select
        _client_id,
        date,
        advertiser_id,
        advertiser_label,
        affiliate_id,
        affiliate_label,
        is_internal,
        is_unmapped,
        -- a spend row without a cost from RedTrack says nothing about the cost
        count(redtrack_cost) > 0 as has_spend,
        cast(coalesce(sum(clicks), 0) as bigint) as clicks,
        cast(coalesce(sum(conversions), 0) as bigint) as conversions,
        cast(coalesce(sum(everflow_payout), 0) as decimal(38, 18)) as everflow_payout,
        cast(coalesce(sum(everflow_revenue), 0) as decimal(38, 18)) as everflow_revenue,
        cast(coalesce(sum(redtrack_clicks), 0) as bigint) as redtrack_clicks,
        -- a check, not a fact: null if RedTrack did not report it
        cast(sum(redtrack_conversions) as bigint) as redtrack_conversions,
        cast(coalesce(sum(redtrack_cost), 0) as decimal(38, 18)) as redtrack_cost
    from {{ ledger }}
    group by 1, 2, 3, 4, 5, 6, 7, 8
) as affiliate_days
{%- endmacro %}

{#- Each client's days in any of these relations. -#}
{% macro days_of(relations) -%}
    {%- for relation in relations %}
    select
        _client_id,
        date
    from {{ relation }}
    {{ 'union' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- A CTE: the pulls of `changed_days` at which the ledger is read. -#}
{% macro moments() -%}
moments as (

    select distinct
        _client_id,
        known_at,
        moment_id
    from changed_days
    where moment_id is not null

)
{%- endmacro %}

{#-
  A daily table at each moment, which is put in `_client_id`: by its versions for the days that
  changed since the last build, in its current state for all others. A renamed row is a removal and
  a new row in one load, so existing rows sort before removed ones.
-#}
{% macro rows_at_moments(versions, current, keys, others) -%}
select
    known.moment_id as _client_id,
    {% for column in keys + others %}
    known.{{ column }}{{ ',' if not loop.last }}
    {% endfor %}
from (
    select
        versions.*,
        moments.moment_id,
        row_number() over (
            partition by
                moments.moment_id,
                {% for column in keys %}
                versions.{{ column }}{{ ',' if not loop.last }}
                {% endfor %}
            order by versions.known_from desc, versions.load_id desc, versions.is_removed asc
        ) as recency
    from {{ versions }} as versions
    inner join moving_days
        on
            versions._client_id = moving_days._client_id
            and versions.date = moving_days.date
    inner join moments
        on
            versions._client_id = moments._client_id
            and versions.known_from <= moments.known_at
) as known
where known.recency = 1 and not known.is_removed
union all
select
    moments.moment_id as _client_id,
    {% for column in keys + others %}
    present.{{ column }}{{ ',' if not loop.last }}
    {% endfor %}
from {{ current }} as present
inner join moments on present._client_id = moments._client_id
left join moving_days
    on
        present._client_id = moving_days._client_id
        and present.date = moving_days.date
where moving_days.date is null
{%- endmacro %}
