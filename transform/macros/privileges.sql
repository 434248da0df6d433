{#-
  Who may read what dbt builds, on PostgreSQL; no effect on engines without roles. Everything
  happens in the transaction of the table swap, so that a table is never readable without its
  protection, and an unchanged table is not altered.
-#}

{#- Exactly the grants of the model's configuration for roles that exist: default
    privileges, as Supabase sets them, give each new table to the roles of its public interface. -#}
{% macro postgres__apply_grants(relation, grant_config, should_revoke=True) -%}
    {%- set wanted = [] -%}
    {%- for privilege, grantees in (grant_config or {}).items() -%}
        {%- for grantee in grantees if grantee in existing_roles(grantees) -%}
            {%- do wanted.append(privilege | lower ~ ' to ' ~ adapter.quote(grantee)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set holders, held = [], [] -%}
    {%- for row in run_query(privileges_held(relation)) -%}
        {%- do holders.append(row['holder']) -%}
        {%- do held.append(row['privilege'] | lower ~ ' to ' ~ row['holder']) -%}
    {%- endfor -%}
    {%- if wanted | sort != held | sort -%}
        {%- for holder in holders | unique -%}
            {%- do run_query('revoke all on ' ~ relation ~ ' from ' ~ holder) -%}
        {%- endfor -%}
        {%- for grant in wanted -%}
            {%- do run_query('grant ' ~ grant.replace(' to ', ' on ' ~ relation ~ ' to ')) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__apply_grants(relation, grant_config, should_revoke=True) -%}
{%- endmacro %}

{#- Every privilege on a relation that is not its owner's. -#}
{% macro privileges_held(relation) -%}
    select
        case when held.grantee = 0 then 'public' else '"' || pg_roles.rolname || '"' end as holder,
        held.privilege_type as privilege
    from pg_class
    cross join lateral aclexplode(pg_class.relacl) as held
    left join pg_roles on held.grantee = pg_roles.oid
    where pg_class.oid = '{{ relation }}'::regclass and held.grantee <> pg_class.relowner
{%- endmacro %}

{% macro existing_roles(names) -%}
    {%- set found = run_query('select rolname from pg_roles where rolname in (' ~ quoted(names) ~ ')') -%}
    {{ return(found.columns[0].values() | list) }}
{%- endmacro %}

{#- Row security of a mart: any role but its owner sees the rows of the client that the session
    names in `signalroom.client_id`, and none without it. Not forced: the owner builds. -#}
{% macro separate_clients() -%}
    {{ return(adapter.dispatch('separate_clients')()) }}
{%- endmacro %}

{% macro default__separate_clients() -%}
{%- endmacro %}

{% macro postgres__separate_clients() -%}
    do $guard$
    declare
        other name;
    begin
        -- an incremental table keeps what was added to it by hand
        for other in
            select polname from pg_policy
            where polrelid = '{{ this }}'::regclass and polname <> 'own_client'
        loop
            execute format('drop policy %I on {{ this }}', other);
        end loop;
        if not (select relrowsecurity from pg_class where oid = '{{ this }}'::regclass) then
            alter table {{ this }} enable row level security;
        end if;
        if not exists (select from pg_policy where polrelid = '{{ this }}'::regclass) then
            create policy own_client on {{ this }} for select
            using (_client_id = current_setting('signalroom.client_id', true));
        end if;
    end
    $guard$
{%- endmacro %}

{#- Before the first model: closes the schemas that this build fills to the roles of a public
    interface; a mart's readers get access to its schema. Other schemas are not touched. -#}
{% macro guard_schemas() -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'seed') -%}
        {{ return(adapter.dispatch('guard_schemas')()) }}
    {%- endif -%}
{%- endmacro %}

{% macro default__guard_schemas() -%}
{%- endmacro %}

{% macro postgres__guard_schemas() -%}
    {%- do refuse_readers_that_others_act_as() -%}
    {%- set schemas, readers = [], {} -%}
    {%- for node in graph.nodes.values() if node.resource_type in ('model', 'seed') -%}
        {%- do schemas.append(node.schema) -%}
        {%- do readers.setdefault(node.schema, []).extend(node.config.grants.get('select', [])) -%}
    {%- endfor -%}
    {%- for row in run_query(open_schemas(schemas)) -%}
        {%- do run_query('revoke all on schema "' ~ row['schema_name'] ~ '" from ' ~ row['holder']) -%}
    {%- endfor -%}
    {%- for schema, names in readers.items() if names -%}
        {%- for role in existing_roles(names) -%}
            {%- set may = "has_schema_privilege('" ~ role ~ "', '" ~ schema ~ "', 'usage')" -%}
            {%- if not run_query('select ' ~ may).columns[0].values()[0] -%}
                {%- do run_query('grant usage on schema "' ~ schema ~ '" to ' ~ adapter.quote(role)) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endmacro %}

{#- A mart's reader must be a dedicated role: with one of a public interface, or the builder's,
    every mart would be open to everyone who uses it. Checked before anything is granted. -#}
{% macro refuse_readers_that_others_act_as() -%}
    {%- set foreign = ['anon', 'authenticated', 'service_role', 'authenticator', 'postgres', 'public', target.user | lower] -%}
    {%- for node in graph.nodes.values() if node.resource_type in ('model', 'seed') -%}
        {%- for name in node.config.grants.get('select', []) if name | lower in foreign -%}
            {{ exceptions.raise_compiler_error(
                'SIGNALROOM_REPORT_ROLE is ' ~ name ~ ', which is not a role of the reports own: every '
                ~ 'mart would be open to all who act as it. Use a name of its own '
                ~ '(signalroom_report); `signalroom db setup` creates it.'
            ) }}
        {%- endfor -%}
    {%- endfor -%}
{%- endmacro %}

{#- Those of the schemas that the roles of a public interface may enter. -#}
{% macro open_schemas(schemas) -%}
    select distinct
        pg_namespace.nspname as schema_name,
        case when held.grantee = 0 then 'public' else '"' || pg_roles.rolname || '"' end as holder
    from pg_namespace
    cross join lateral aclexplode(pg_namespace.nspacl) as held
    left join pg_roles on held.grantee = pg_roles.oid
    where
        pg_namespace.nspname in ({{ quoted(schemas | unique) }})
        and (held.grantee = 0 or pg_roles.rolname in ('anon', 'authenticated', 'service_role'))
{%- endmacro %}

{#- After the last model: a mart that is exposed too widely fails the build. -#}
{% macro check_guards() -%}
    {%- if execute and flags.WHICH in ('build', 'run') -%}
        {{ return(adapter.dispatch('check_guards')()) }}
    {%- endif -%}
{%- endmacro %}

{% macro default__check_guards() -%}
{%- endmacro %}

{% macro postgres__check_guards() -%}
    {%- set faults = [] -%}
    {%- for row in run_query(unguarded_tables(generate_schema_name('marts', none))) -%}
        {%- do faults.append(row['table_name'] ~ ' ' ~ row['reason']) -%}
    {%- endfor -%}
    {%- if faults -%}
        {#- An error of the compiler would hide the results of models and tests. -#}
        {%- set reason = 'Marts are not guarded: ' ~ faults | join(', ')
            ~ '. A mart is a table built by dbt; drop what is none, and build the others again.' -%}
        do $guard$ begin raise exception using message = '{{ dbt.escape_single_quotes(reason) }}'; end $guard$
    {%- endif -%}
{%- endmacro %}

{#- What is exposed too widely in a schema. -#}
{% macro unguarded_tables(schema) -%}
    select
        pg_class.relname as table_name,
        'has no row security' as reason
    from pg_class
    inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
    where
        pg_namespace.nspname = '{{ schema }}'
        and pg_class.relkind in ('r', 'p', 'v', 'm', 'f')
        and (
            not pg_class.relrowsecurity
            or not exists (select from pg_policy where pg_policy.polrelid = pg_class.oid)
        )
    union all
    select distinct
        pg_class.relname as table_name,
        'is granted to ' || coalesce(pg_roles.rolname, 'public') as reason
    from pg_class
    inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
    cross join lateral aclexplode(pg_class.relacl) as held
    left join pg_roles on held.grantee = pg_roles.oid
    where
        pg_namespace.nspname = '{{ schema }}'
        and (held.grantee = 0 or pg_roles.rolname in ('anon', 'authenticated', 'service_role'))
{%- endmacro %}
