{#-
  A cell of a client's file, read as `transform/client_files/reader.py` reads it (a test holds the
  two together): `n/a`, `null` and blank are null.
-#}
{% macro mapped_value(value) -%}
    case when lower({{ cleaned(value) }}) not in ('', 'n/a', 'null') then {{ cleaned(value) }} end
{%- endmacro %}

{#- A failed formula (`#N/A`, `#REF!`, `=VLOOKUP(…)`), or text that was read in the wrong encoding. -#}
{% macro is_broken(value) -%}
    {%- set pattern = '^(#[^ ]+[!?]|#[^ 0-9]/[^ 0-9]|#(NV|NA|GETTING_DATA|#*)|ERR:[0-9]{3}|LOADING([.][.][.]|…)|=[^ ]*[(].*|.*\ufffd.*)$' -%}
    upper({{ value }}) ~ '{{ pattern }}'
{%- endmacro %}

{#- A value that can be read, null for a failed formula. -#}
{% macro readable(value) -%}
    case when not ({{ is_broken(value) }}) then {{ value }} end
{%- endmacro %}

{#- An id without a spreadsheet's apostrophe before it, or the `.0` after a number. -#}
{% macro identifier(value) -%}
    regexp_replace(trim(ltrim({{ value }}, '''')), '^([0-9]+)[.]0+$', '\1')
{%- endmacro %}

{#- Whether a spreadsheet made a number of an id: `6.5E+23`. -#}
{% macro is_mangled(value) -%}
    {{ value }} ~ '^[0-9]+([.,][0-9]+[eE][+]?|[eE][+])[0-9]+$'
{%- endmacro %}

{#- Labels are compared without their case, nor the apostrophe that marks text in a spreadsheet. -#}
{% macro label_key(value) -%}
    {{ folded("ltrim(" ~ value ~ ", '''')") }}
{%- endmacro %}

{#- The advertisers of a client in the registry; a client without any may name every one. -#}
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
  The rows of a kind of client file, of every client, with the columns asked for: null for one that
  the file lacks. `line_number` is the line of the file where the product's build prepared it.
-#}
{% macro client_rows(file, columns) -%}
    {%- for id in var('clients') %}
    {{ text_rows("'" ~ id ~ "'", ref('client_' ~ id, file), columns) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- Columns of a table as text, by their names without case and blanks; no rows where there is none. -#}
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
  The table of a file that a client need not have; nothing where it has none. The product's build
  prepares it always. Plain dbt begins with all seeds, before any model that reads this.
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

{#- Whether a row's advertiser falls under a reported one; null stands for brands that no one lists. -#}
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

{#-
  Spend with the affiliate and advertiser that the client's file maps its source to; by the mapping
  and the names of now where no others are named.
-#}
{% macro mapped_spend(spend, columns, mappings=none, affiliates=none, sources=none) -%}
    select
        spend._client_id,
        spend.date,
        spend.source_id,
        spend.source_name,
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
        case when mappings.is_mapped then 'csv' else 'unmapped' end as mapping_rule,
        mappings.line_number as mapping_line
    from {{ spend }} as spend
    left join {{ mappings or ref('stg_clients__internal_affiliates') }} as mappings
        on
            spend._client_id = mappings._client_id
            and spend.source_id = mappings.source_id
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

{#- The number that an address carries as a parameter of one of these names (`a|b`), else null. -#}
{% macro link_parameter(address, names) -%}
    {%- set pattern = '^.*[?&](' ~ names ~ ')=([0-9]{1,18})([^0-9].*)?$' -%}
    case
        when lower({{ address }}) ~ '{{ pattern }}'
            then cast(regexp_replace(lower({{ address }}), '{{ pattern }}', '\2') as bigint)
    end
{%- endmacro %}
