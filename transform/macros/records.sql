{#-
  A pre-hook of incremental models: deletes rows whose record in the control totals has changed, is
  gone, or never existed. The model then reads what it lacks, so that it ends with the rows of a
  full refresh whatever happened: restated days, files uploaded again, shorter files, lost runs.
  With `mark`, a boolean column, it only sets that to null: the model must then remove those rows,
  as if they were gone, and what depends on them. With `parts`, PostgreSQL reads only the parts that
  may have such rows: columns, first the partition key, with which and `recorded_at` an index begins.
-#}
{% macro forget_unless_recorded(source, tables, partition_key, mark=none, parts=none) -%}
    {%- if is_incremental() -%}
        {%- set names = adapter.get_columns_in_relation(this) | map(attribute='name') | list -%}
        {%- if 'noted_at' in names -%}
            {%- do run_query('alter table ' ~ this ~ ' rename column noted_at to recorded_at') -%}
        {%- endif -%}
        {%- if mark and mark not in names -%}
            {%- do run_query('alter table ' ~ this ~ ' add column ' ~ mark ~ ' boolean') -%}
        {%- endif -%}
        {%- set is_by_part = parts and has_index(this, parts + ['recorded_at']) -%}
        {%- if is_by_part -%}
            with doubtful as materialized (
                {{ doubtful_parts(source, tables, parts) }}
            )
        {%- endif %}
        {{ 'update ' ~ this ~ ' set ' ~ mark ~ ' = null' if mark else 'delete from ' ~ this }}
        where
            {% if is_by_part -%}
            {{ parts[0] }} = any(array(select {{ parts[0] }} from doubtful))
            and exists (
                select 1
                from doubtful
                where
                    {{ are_equal('doubtful', this, parts) }}
                    and (
                        doubtful.instants is null
                        or {{ this }}.recorded_at is null
                        or {{ this }}.recorded_at <> all(doubtful.instants)
                    )
            )
            {%- else -%}
            not exists (
                select 1
                from {{ ref('stg_ops__control_totals') }} as recorded
                where
                    recorded._client_id = {{ this }}._client_id
                    and recorded.source = '{{ source }}'
                    and recorded.table_name in ({{ quoted(tables) }})
                    and recorded.measure = 'rows'
                    and recorded.partition_key = {{ partition_key }}
                    and recorded.loaded_at = {{ this }}.recorded_at
            )
            {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#- The parts of this model that have no record, several, or a row of another one, with the instants of
    their records; rows are compared with these, because few parts would join all records for each row. -#}
{% macro doubtful_parts(source, tables, parts) -%}
    select
        parts.*,
        recorded.instants
    from (
        {{ distinct_rows(this, parts, this) }}
    ) as parts
    left join (
        select
            _client_id,
            partition_key,
            min(loaded_at) as first_at,
            max(loaded_at) as last_at,
            array_agg(loaded_at) as instants
        from {{ ref('stg_ops__control_totals') }}
        where
            source = '{{ source }}'
            and table_name in ({{ quoted(tables) }})
            and measure = 'rows'
        group by 1, 2
    ) as recorded
        on
            parts._client_id = recorded._client_id
            and parts.{{ parts[0] }} = recorded.partition_key
    where
        recorded.first_at is null
        or recorded.first_at < recorded.last_at
        {%- for differs in ['< recorded.first_at', '> recorded.first_at', 'is null'] %}
        or exists (
            select 1
            from {{ this }} as known
            where {{ are_equal('known', 'parts', parts) }} and known.recorded_at {{ differs }}
        )
        {%- endfor %}
{%- endmacro %}

{% macro are_equal(one, other, columns) -%}
    {%- for column in columns -%}
        {{ one }}.{{ column }} = {{ other }}.{{ column }}{{ ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#-
  The distinct rows of some columns of a relation, without nulls. If `table`, from which these columns
  come unchanged, has an index that begins with them, PostgreSQL looks up the next one in it, instead
  of reading each row. Through a view it would not, and for a full refresh its estimate is too low.
-#}
{% macro distinct_rows(relation, columns, table) -%}
    {{ return(adapter.dispatch('distinct_rows')(relation, columns, table)) }}
{%- endmacro %}

{% macro default__distinct_rows(relation, columns, table) -%}
    select distinct {{ columns | join(', ') }} from {{ relation }}
{%- endmacro %}

{% macro postgres__distinct_rows(relation, columns, table) -%}
    {%- if not has_index(table, columns) -%}
        {{ default__distinct_rows(relation, columns, table) }}
    {%- else -%}
        {%- set listed = columns | join(', ') -%}
        with recursive found as (
            (select {{ listed }} from {{ table }} order by {{ listed }} limit 1)
            union all
            select following.*
            from found
            cross join lateral (
                select {{ listed }}
                from {{ table }} as candidates
                where ({{ listed }}) > (found.{{ columns | join(', found.') }})
                order by {{ listed }}
                limit 1
            ) as following
        )

        select {{ listed }} from found
    {%- endif -%}
{%- endmacro %}

{#- Whether PostgreSQL has an index of a table that begins with these columns. -#}
{% macro has_index(table, columns) -%}
    {{ return(adapter.dispatch('has_index')(table, columns)) }}
{%- endmacro %}

{% macro default__has_index(table, columns) -%}
    {{ return(false) }}
{%- endmacro %}

{% macro postgres__has_index(table, columns) -%}
    {%- set question -%}
        select 1
        from pg_index
        inner join pg_class on pg_index.indrelid = pg_class.oid
        inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
        inner join pg_class as own on pg_index.indexrelid = own.oid
        inner join pg_am on own.relam = pg_am.oid
        where
            pg_namespace.nspname = '{{ table.schema }}'
            and pg_class.relname = '{{ table.identifier }}'
            and pg_am.amname = 'btree'
            and pg_index.indisvalid
            and pg_index.indpred is null
            {%- for column in columns %}
            and pg_get_indexdef(pg_index.indexrelid, {{ loop.index }}, true) = '{{ column }}'
            {%- endfor %}
    {%- endset -%}
    {{ return(execute and run_query(question).rows | length > 0) }}
{%- endmacro %}
