{#-
  Fails when rows of a raw table were lost, doubled or moved after the load: their count by day, or
  of a list as a whole, differs from what the vendor gave. A table that a client never loaded has
  nothing to be compared with. It keeps marts only from models that read the control totals too.
-#}
{% test rows_as_given(model, source, table, partition_key) %}

with control_totals as (

    select * from {{ ref('stg_ops__control_totals') }}

),

given as (

    select
        _client_id,
        partition_key,
        total as row_count
    from control_totals
    where
        measure = 'rows'
        and source = '{{ source }}'
        and table_name = '{{ table }}'

),

kept as (

    select
        _client_id,
        {{ partition_key }} as partition_key,
        count(*) as row_count
    from {{ model }}
    group by 1, 2

)

select
    coalesce(given._client_id, kept._client_id) as _client_id,
    coalesce(given.partition_key, kept.partition_key) as partition_key,
    given.row_count as given_rows,
    kept.row_count as kept_rows
from given
full outer join kept
    on
        given._client_id = kept._client_id
        and given.partition_key = kept.partition_key
where
    coalesce(given.row_count, 0) <> coalesce(kept.row_count, 0)
    and coalesce(given._client_id, kept._client_id) in (select given._client_id from given)

{% endtest %}
