{#-
  A cell of a client's file, read as `transform/client_files/reader.py` reads it (a test holds the
  two together): `n/a`, `null` and blank are null, and `="x"` is x.
-#}
{% macro mapped_value(value) -%}
    {%- set text = "trim(regexp_replace(" ~ cleaned(value) ~ ", '^=\"([^\"]*)\"$', '\\1'))" -%}
    case when lower({{ text }}) not in ('', 'n/a', 'null') then {{ text }} end
{%- endmacro %}

{#- A failed formula (`#N/A`, `#REF!`, `=VLOOKUP(…)`), or text that was read in the wrong encoding. -#}
{% macro is_broken(value) -%}
    {%- set pattern = '^(# ?[^ ]+[!?]|# ?[^ 0-9]/[^ 0-9]( #?[^ 0-9]/[^ 0-9])?|#(NV|NA|YOK|HIÁNYZIK|NENÍ_K_DISPOZICI|NEDOSTUPNÝ|GETTING_DATA|#*)|ERR:[0-9]{3}|LOADING([.][.][.]|…)|=.*|.*\ufffd.*)$' -%}
    upper({{ value }}) ~ '{{ pattern }}'
{%- endmacro %}

{#- A readable value, null for a failed formula. -#}
{% macro readable(value) -%}
    case when not ({{ is_broken(value) }}) then {{ value }} end
{%- endmacro %}

{#- An id without a spreadsheet's apostrophe before it, or the `.0` after a number. -#}
{% macro identifier(value) -%}
    regexp_replace(trim(ltrim({{ value }}, '''')), '^([0-9]+)[.]0+$', '\1')
{%- endmacro %}

{#- Whether a spreadsheet turned an id into a number: `6.5E+23`. -#}
{% macro is_mangled(value) -%}
    {{ value }} ~ '^[0-9]+([.,][0-9]+[eE][+]?|[eE][+])[0-9]+$'
{%- endmacro %}

{#- Labels are compared without case, and without the apostrophe that marks text in a spreadsheet. -#}
{% macro label_key(value) -%}
    {{ folded("ltrim(" ~ value ~ ", '''')") }}
{%- endmacro %}

{#- The advertisers of a client in the registry; a client without any may use every one. -#}
{% macro is_known_advertiser(client_id, value) -%}
    (
        {%- for id, client in var('clients').items() if client.brands %}
        ({{ client_id }} = '{{ id }}' and {{ value }} in ({{ client.brands.values() | join(', ') }})) or
        {%- endfor %}
        {{ client_id }} not in (
            {%- for id, client in var('clients').items() if client.brands %}'{{ id }}', {% endfor %}''
        )
    )
{%- endmacro %}

{#-
  The rows of a kind of client file, of every client, with the requested columns: null for one that
  the file lacks. `line_number` is the line of the file if the product's build prepared it.
-#}
{% macro client_rows(file, columns) -%}
    {%- for id in var('clients') %}
    {{ text_rows("'" ~ id ~ "'", ref('client_' ~ id, file), columns) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- Columns of a table as text, by names without case and blanks; no rows without a table. -#}
{% macro text_rows(client_id, relation, columns) -%}
    {%- set found = adapter.get_relation(relation.database, relation.schema, relation.identifier) if execute and relation -%}
    {%- set present = {} -%}
    {%- if found -%}
        {%- for column in adapter.get_columns_in_relation(found) -%}
            {%- do present.update({column.name | trim | lower: adapter.quote(column.name)}) -%}
        {%- endfor -%}
    {%- endif -%}
    select
        cast({{ client_id if found else 'null' }} as text) as _client_id,
        {%- for name, alias in columns.items() %}
        cast({{ present.get(name, 'null') }} as text) as {{ alias }},
        {%- endfor %}
        cast({{ present.get('_line', 'null') }} as bigint) as line_number
    {%- if found %}
    from {{ found }}
    {%- else %}
    where 1 = 0
    {%- endif %}
{%- endmacro %}

{#-
  The table of a file that is optional for a client; none if it has no such file. The product's
  build always prepares it. Plain dbt begins with all seeds, before any model that reads this.
-#}
{% macro optional_file(client_id, file) -%}
    {%- if env_var('SIGNALROOM_CLIENT_PACKAGES', '') -%}
        {{ return(ref('client_' ~ client_id, file)) }}
    {%- endif -%}
    {%- set seed = graph.nodes.get('seed.client_' ~ client_id ~ '.' ~ file) if execute -%}
    {%- if seed -%}
        {{ return(adapter.get_relation(seed.database, seed.schema, seed.alias)) }}
    {%- endif -%}
{%- endmacro %}

{#- Whether a row's advertiser belongs to a reported one; null means brands that are not listed. -#}
{% macro in_scope(row, reported) -%}
    coalesce({{ reported }}.advertiser_id, -1) = case
        when
            {%- for id, client in var('clients').items() %}
            ({{ row }}._client_id = '{{ id }}' and {{ row }}.advertiser_id in ({{ (client.brands.values() | list + [-1]) | join(', ') }}))
            {{- ' or' if not loop.last }}
            {%- endfor %}
            then {{ row }}.advertiser_id
        else -1
    end
{%- endmacro %}

{#- Whether the links of a client's offers map spend, by the registry; else they only suggest. -#}
{% macro maps_by_offer(client_id) -%}
    {%- set found = [] -%}
    {%- for id, client in var('clients').items() if client.mapping == 'offer' -%}
        {%- do found.append("'" ~ id ~ "'") -%}
    {%- endfor -%}
    {{ client_id ~ ' in (' ~ found | join(', ') ~ ')' if found else '1 = 0' }}
{%- endmacro %}

{#-
  The lines by which spend is mapped: those of the client's file, and a line for each source and
  offer of `campaigns` whose link names an affiliate, from the first day on which it spent, on the
  days for which the file has no line of that source. `n/a` is a line.
-#}
{% macro mapping_lines(files, campaigns, links) -%}
    select
        _client_id,
        source_id,
        cast(null as text) as offer_id,
        affiliate_label,
        affiliate_key,
        advertiser_id,
        advertiser_label,
        is_mapped,
        valid_from,
        valid_to,
        line_number,
        'csv' as mapping_rule
    from {{ files }}
    union all
    select
        offers._client_id,
        offers.source_id,
        offers.offer_id,
        links.affiliate_label,
        links.affiliate_key,
        links.advertiser_id,
        links.advertiser_label,
        true as is_mapped,
        greatest(offers.first_day, unlisted.valid_from) as valid_from,
        unlisted.valid_to,
        cast(null as bigint) as line_number,
        'offer' as mapping_rule
    from (
        select
            _client_id,
            source_id,
            offer_id,
            min(date) as first_day
        from {{ campaigns }}
        group by 1, 2, 3
    ) as offers
    inner join {{ links }} as links
        on
            offers._client_id = links._client_id
            and offers.offer_id = links.offer_id
    -- the days after each line of the source, until the next one; a line without days comes first
    inner join (
        select
            _client_id,
            source_id,
            max(valid_to) over (
                partition by _client_id, source_id
                order by valid_from, valid_to
                rows between unbounded preceding and current row
            ) + 1 as valid_from,
            coalesce(
                lead(valid_from) over (
                    partition by _client_id, source_id
                    order by valid_from, valid_to
                ) - 1,
                date '2999-12-31'
            ) as valid_to
        from (
            select
                _client_id,
                source_id,
                valid_from,
                valid_to
            from {{ files }}
            where valid_from is not null and valid_to is not null
            union all
            select distinct
                _client_id,
                source_id,
                date '1899-12-31' as valid_from,
                date '1899-12-31' as valid_to
            from {{ campaigns }}
        ) as listed
    ) as unlisted
        on
            offers._client_id = unlisted._client_id
            and offers.source_id = unlisted.source_id
            and greatest(offers.first_day, unlisted.valid_from) <= unlisted.valid_to
{%- endmacro %}

{#-
  Spend by source; if a line maps an offer of a source on a day, by campaign and offer, with the
  remainder. `measures` have their types; `own` are columns that spend and campaigns both have,
  `of_spend` those that only spend has, `further_key` additional key columns of both.
-#}
{% macro split_spend(spend, campaigns, lines, measures, own=[], of_spend=[], further_key=[]) -%}
    {%- set key = ['_client_id', 'date', 'source_id'] + further_key -%}
    {%- set kept = ['source_name'] + of_spend %}
    with divided as (

        select
            {% for name in key + kept %}
            spend.{{ name }},
            {% endfor %}
            {% for name in measures %}
            cast(sum(coalesce(campaigns.{{ name }}, 0)) as {{ measures[name] }}) as {{ name }}
            {{- ',' if not loop.last }}
            {% endfor %}
        from {{ spend }} as spend
        inner join {{ campaigns }} as campaigns
            on
                {% for name in key %}
                {{ 'and ' if not loop.first }}spend.{{ name }} = campaigns.{{ name }}
                {% endfor %}
        left join {{ lines }} as lines
            on
                campaigns._client_id = lines._client_id
                and campaigns.source_id = lines.source_id
                and campaigns.offer_id = lines.offer_id
                and campaigns.date between lines.valid_from and lines.valid_to
        where spend.cost is not null
        group by {{ range(1, (key + kept) | length + 1) | join(', ') }}
        having count(lines.offer_id) > 0

    )

    select
        {% for name in key %}
        spend.{{ name }},
        {% endfor %}
        {% for name in kept + own %}
        spend.{{ name }},
        {% endfor %}
        cast(null as text) as campaign_id,
        cast(null as text) as offer_id,
        divided.source_id is not null as is_remainder,
        {% for name in measures %}
        cast(spend.{{ name }} - coalesce(divided.{{ name }}, 0) as {{ measures[name] }}) as {{ name }}
        {{- ',' if not loop.last }}
        {% endfor %}
    from {{ spend }} as spend
    left join divided
        on
            {% for name in key %}
            {{ 'and ' if not loop.first }}spend.{{ name }} = divided.{{ name }}
            {% endfor %}
    where
        divided.source_id is null
        {% for name in measures %}
        or spend.{{ name }} <> divided.{{ name }}
        {% endfor %}
    union all
    select
        {% for name in key %}
        campaigns.{{ name }},
        {% endfor %}
        {% for name in kept %}
        divided.{{ name }},
        {% endfor %}
        {% for name in own %}
        campaigns.{{ name }},
        {% endfor %}
        campaigns.campaign_id,
        campaigns.offer_id,
        false as is_remainder,
        {% for name in measures %}
        campaigns.{{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ campaigns }} as campaigns
    inner join divided
        on
            {% for name in key %}
            {{ 'and ' if not loop.first }}campaigns.{{ name }} = divided.{{ name }}
            {% endfor %}
{%- endmacro %}

{#-
  Spend, split as above, with the affiliate and advertiser that a line maps it to; with the current
  lines and names unless others are given.
-#}
{% macro mapped_spend(spend, columns, mappings=none, affiliates=none, sources=none) -%}
    select
        spend._client_id,
        spend.date,
        spend.source_id,
        spend.source_name,
        spend.campaign_id,
        spend.offer_id,
        mappings.advertiser_id,
        not coalesce(mappings.is_mapped, false) as is_unmapped,
        case when mappings.is_mapped then affiliates.affiliate_id end as affiliate_id,
        case
            when mappings.is_mapped then affiliates.affiliate_label
            else 'Unmapped: ' || coalesce(source_spellings.source_name, spend.source_name)
        end as affiliate_label,
        {%- for column in columns %}
        spend.{{ column }},
        {%- endfor %}
        case
            when spend.is_remainder then 'remainder'
            when mappings.is_mapped then mappings.mapping_rule
            else 'unmapped'
        end as mapping_rule,
        mappings.line_number as mapping_line
    from {{ spend }} as spend
    left join {{ mappings or ref('int_mappings__lines') }} as mappings
        on
            spend._client_id = mappings._client_id
            and spend.source_id = mappings.source_id
            and (mappings.offer_id is null or spend.offer_id = mappings.offer_id)
            and spend.date between mappings.valid_from and mappings.valid_to
    left join {{ affiliates or ref('int_affiliates__named') }} as affiliates
        on
            mappings._client_id = affiliates._client_id
            and mappings.affiliate_key = affiliates.affiliate_key
    left join {{ sources or ref('int_sources__named') }} as source_spellings
        on
            spend._client_id = source_spellings._client_id
            and {{ folded('spend.source_name') }} = source_spellings.source_key
{%- endmacro %}

{#- The number in a URL's parameter of one of these names (`a|b`), else null. -#}
{% macro link_parameter(address, names) -%}
    {%- set pattern = '^.*[?&](' ~ names ~ ')=([0-9]{1,18})([^0-9].*)?$' -%}
    case
        when lower({{ address }}) ~ '{{ pattern }}'
            then cast(regexp_replace(lower({{ address }}), '{{ pattern }}', '\2') as bigint)
    end
{%- endmacro %}

{#-
  A part of a URL's path, `https://domain/first/second/`, if it has exactly these two; Everflow's
  tracking links have their codes there.
-#}
{% macro link_code(address, place) -%}
    {%- set pattern = '^https?://[^/?#]+/([A-Za-z0-9]+)/([A-Za-z0-9]+)/?([?#].*)?$' -%}
    case when {{ address }} ~ '{{ pattern }}' then regexp_replace({{ address }}, '{{ pattern }}', '\{{ place }}') end
{%- endmacro %}

{#- A value as a cell of a CSV file. -#}
{% macro csv_cell(value) -%}
    case
        when {{ value }} ~ '^.*[",].*$' then '"' || replace({{ value }}, '"', '""') || '"'
        else coalesce({{ value }}, '')
    end
{%- endmacro %}
