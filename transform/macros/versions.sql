{#-
  The versions of `relation` with each instant of `moments` (_client_id, date, built_at) at which
  their day was reported. `is_known_then and recency_then = 1` is the newest version by that instant,
  `recency_now = 1` the newest of all, of each line by `keys`; `ties` orders equal instants.
-#}
{% macro known_then_and_now(relation, keys, ties='versions.load_id desc') -%}
    {%- set line = ['_client_id'] + keys -%}
    select
        versions.*,
        moments.built_at,
        versions.known_from <= moments.built_at as is_known_then,
        row_number() over (
            partition by moments.built_at{% for key in line %}, versions.{{ key }}{% endfor %}
            order by versions.known_from desc, {{ ties }}
        ) as recency_now,
        row_number() over (
            partition by
                moments.built_at,
                versions.known_from <= moments.built_at
                {%- for key in line %}, versions.{{ key }}{% endfor %}
            order by versions.known_from desc, {{ ties }}
        ) as recency_then
    from {{ relation }} as versions
    inner join moments
        on
            versions._client_id = moments._client_id
            and versions.date = moments.date
{%- endmacro %}
