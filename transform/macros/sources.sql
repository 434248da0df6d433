{#-
  Reads a raw table as its YAML declares it: the declared columns, cast to the declared
  types; null for a column that the raw table lacks; no rows when the table was never loaded.
-#}
{% macro source_or_empty(source_name, table_name) -%}
    {%- set relation = source(source_name, table_name) -%}
    {%- if not execute -%}
        select * from {{ relation }}
    {%- else -%}
        {%- set declared = declared_columns(source_name, table_name) -%}
        {%- set loaded = adapter.get_relation(relation.database, relation.schema, relation.identifier) -%}
        {%- set present = [] -%}
        {%- if loaded is not none -%}
            {%- set present = adapter.get_columns_in_relation(loaded) | map(attribute='name') | list -%}
        {%- endif -%}
        select
            {%- for column in declared %}
            cast({{ column.name if column.name in present else 'null' }} as {{ column.data_type }}) as {{ column.name }}
            {{- ',' if not loop.last }}
            {%- endfor %}
        {%- if loaded is not none %}
        from {{ loaded }}
        {%- else %}
        where 1 = 0
        {%- endif %}
    {%- endif -%}
{%- endmacro %}

{% macro declared_columns(source_name, table_name) -%}
    {%- for node in graph.sources.values() -%}
        {%- if node.source_name == source_name and node.name == table_name -%}
            {{ return(node.columns.values() | list) }}
        {%- endif -%}
    {%- endfor -%}
    {{ exceptions.raise_compiler_error('No source ' ~ source_name ~ '.' ~ table_name ~ ' is declared.') }}
{%- endmacro %}

{#-
  `loaded_at_query` of every source: when its stalest active client was last pulled with success,
  even if there was nothing new. A source that is off or paused is not waited for; one that is on
  and was never loaded counts from the moment it was turned on.
-#}
{% macro last_requested(source_name, table_name) -%}
    {%- set active = [] -%}
    {%- for id, client in var('clients').items() if client.get('active', true) -%}
        {%- do active.append(id) -%}
    {%- endfor -%}
    {%- set loads = adapter.get_relation(target.database, 'ops', 'loads') if execute else none -%}
    {%- set sources = adapter.get_relation(target.database, 'ops', 'sources') if execute else none -%}
    {%- if loads is none -%}
        select current_timestamp as loaded_at
    {%- elif sources is none -%}
        select coalesce(min(loaded_at), current_timestamp) as loaded_at
        from {{ loads }}
        where
            source = '{{ source_name }}'
            and table_name = '{{ table_name }}'
            and _client_id in ({{ quoted(active) }})
    {%- else -%}
        select coalesce(min(loaded_at), current_timestamp) as loaded_at
        from (
            select loads.loaded_at
            from {{ loads }} as loads
            left join {{ sources }} as sources
                on loads._client_id = sources._client_id and loads.source = sources.source
            where
                loads.source = '{{ source_name }}'
                and loads.table_name = '{{ table_name }}'
                and loads._client_id in ({{ quoted(active) }})
                and (coalesce(sources.state, 'on') = 'on' or sources.until <= current_timestamp)
            union all
            select coalesce(sources.until, sources.since) as loaded_at
            from {{ sources }} as sources
            where
                sources.source = '{{ source_name }}'
                and sources._client_id in ({{ quoted(active) }})
                and (sources.state = 'on' or sources.until <= current_timestamp)
                and not exists (
                    select 1 from {{ loads }} as loads
                    where
                        loads._client_id = sources._client_id and loads.source = sources.source
                )
        ) as pulls
    {%- endif -%}
{%- endmacro %}

{#- The names of the spreadsheet tables that were ever read: no YAML can list them. -#}
{% macro spreadsheet_names() -%}
    {%- set totals = adapter.get_relation(target.database, 'ops', 'control_totals') if execute -%}
    {%- if not totals -%}
        {{ return([]) }}
    {%- endif -%}
    {%- set names -%}
        select distinct table_name from {{ totals }} where source = 'google_sheets' order by 1
    {%- endset -%}
    {{ return(run_query(names).columns[0].values()) }}
{%- endmacro %}

{#- A spreadsheet table by its name; none if it was never read. -#}
{% macro spreadsheet_table(name) -%}
    {{ return(adapter.get_relation(target.database, 'google_sheets', name) if execute) }}
{%- endmacro %}
