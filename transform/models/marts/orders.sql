-- Writes the orders that differ by value from those it has, whatever changed them: files, brands, a
-- database restored. Of an order that no file has any more it selects the keys alone, see
-- get_incremental_differences_sql. Earlier versions had int_orders__projected as a table.
{{ config(
    materialized='incremental',
    incremental_strategy='differences',
    unique_key=['_client_id', 'order_id'],
    on_schema_change='fail',
    indexes=[
        {'columns': ['_client_id', 'order_id'], 'unique': true},
    ] if target.type == 'postgres' else [],
    post_hook=[
        "drop table if exists {{ generate_schema_name('intermediate', none) }}.int_orders__projected cascade",
    ],
) }}

{% set names = [
    'order_date', 'affiliate_id', 'order_status', 'project', 'state', 'is_test', 'is_initial',
    'is_refunded', 'is_voided', 'is_chargeback', 'total_amount', 'refund_amount',
] %}

with projected as (

    select * from {{ ref('int_orders__projected') }}

){% if is_incremental() %},

orders as (

    select
        coalesce(projected._client_id, known._client_id) as _client_id,
        coalesce(projected.order_id, known.order_id) as order_id,
        {% for name in names %}
        projected.{{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from projected
    full outer join {{ this }} as known
        on
            projected._client_id = known._client_id
            and projected.order_id = known.order_id
    where
        projected.order_id is null
        or known.order_id is null
        {% for name in names %}
        or projected.{{ name }} is distinct from known.{{ name }}
        {% endfor %}

){% endif %}

select
    -- ids
    _client_id,
    order_id,
    order_date,
    affiliate_id,

    -- text
    order_status,
    project,
    state,

    -- truth
    is_test,
    is_initial,
    is_refunded,
    is_voided,
    is_chargeback,

    -- measures
    total_amount,
    refund_amount
from {{ 'orders' if is_incremental() else 'projected' }}
