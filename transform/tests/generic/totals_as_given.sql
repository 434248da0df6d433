{#-
  Fails when raw differs from the control totals of its load: rows lost, duplicated or moved after
  the load, by day or file, or in a list as a whole; also checks the sums of the `measures`, with
  null as zero. A table that was never loaded has nothing to compare with: for a client, or with
  `every_client` for all of them. It only blocks models that also read the control totals.
-#}
{% test totals_as_given(model, source, table, partition_key, measures=[], every_client=false) %}

with given as (

    select
        _client_id,
        partition_key,
        measure,
        total
    from {{ ref('stg_ops__control_totals') }}
    where
        source = '{{ source }}'
        and table_name = '{{ table }}'
        and measure in ('rows' {%- for measure in measures %}, '{{ measure }}' {%- endfor %})

),

kept as (

    select
        _client_id,
        {{ partition_key }} as partition_key,
        {% for measure in measures %}
        coalesce(sum({{ measure }}), 0) as {{ measure }}_total,
        {% endfor %}
        count(*) as rows_total
    from {{ model }}
    group by 1, 2

),

kept_totals as (

    {% for measure in ['rows'] + measures %}
    select
        _client_id,
        partition_key,
        '{{ measure }}' as measure,
        cast({{ measure }}_total as decimal(38, 18)) as total
    from kept
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select
    coalesce(given._client_id, kept_totals._client_id) as _client_id,
    coalesce(given.partition_key, kept_totals.partition_key) as partition_key,
    coalesce(given.measure, kept_totals.measure) as measure,
    given.total as given_total,
    kept_totals.total as kept_total
from given
full outer join kept_totals
    on
        given._client_id = kept_totals._client_id
        and given.partition_key = kept_totals.partition_key
        and given.measure = kept_totals.measure
where
    (
        coalesce(given.total, 0) <> coalesce(kept_totals.total, 0)
        or (given.total is null and kept_totals.measure = 'rows')
    )
    and coalesce(given.measure, kept_totals.measure) in (select given.measure from given)
    {% if not every_client %}
    and coalesce(given._client_id, kept_totals._client_id) in (select given._client_id from given)
    {% endif %}

{% endtest %}
