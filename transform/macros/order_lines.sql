{#- The text columns of orders_create and orders_update, which have one header. -#}
{% macro order_columns() -%}
    {{ return([
        'orders_id', 'parent_order_id', 'affid', 'products_id', 'order_status', 'product_category',
        'billing_state', 'order_date', 'refund_date', 'chargeback_date', 'is_test_cc', 'void_flag',
        'refund_flag', 'chargeback_flag', 'rebill_depth', 'total_amount', 'void_amount',
        'refund_amount',
    ]) }}
{%- endmacro %}

{#- Order lines, typed, from a relation whose texts are trimmed. -#}
{% macro order_lines(relation) -%}
    select
        -- ids
        _client_id,
        orders_id as order_id,
        parent_order_id,
        {{ to_whole_number('affid') }} as affiliate_id,
        products_id as product_id,

        -- text
        upper(order_status) as order_status,
        upper(product_category) as product_category,
        billing_state,

        -- dates
        {{ to_date('order_date') }} as order_date,
        {{ to_date('refund_date') }} as refund_date,
        {{ to_date('chargeback_date') }} as chargeback_date,

        -- truth
        {{ to_flag('is_test_cc') }} as is_test,
        {{ to_flag('void_flag') }} as is_voided,
        {{ to_flag('refund_flag') }} as is_refunded,
        {{ to_flag('chargeback_flag') }} as is_chargeback,

        -- measures
        {{ to_whole_number('rebill_depth') }} as rebill_depth,
        {{ to_amount('total_amount') }} as total_amount,
        {{ to_amount('void_amount') }} as void_amount,
        {{ to_amount('refund_amount') }} as refund_amount,

        -- load
        _file_name,
        _row_id,
        _file_date as file_date,
        {{ file_time('_file_name', '_file_date') }} as file_time

        -- customers, campaigns, product names and prices omitted: no mart reads them yet
    from {{ relation }}
{%- endmacro %}

{#-
  The time in a file's name as a number that sorts, YYYYMMDDhhmmss: `report_2025-09-22T1849_ab.csv`
  is 20250922184900; a name without a time counts as the start of `_file_date`.
-#}
{% macro file_time(file_name, file_date) -%}
    {%- set pattern = '^.*([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{4}([0-9]{2})?).*$' -%}
    case
        when {{ file_name }} ~ '{{ pattern }}'
            then cast(
                rpad(regexp_replace({{ file_name }}, '{{ pattern }}', '\1\2\3\4'), 14, '0') as bigint
            )
        else
            cast(
                extract(year from {{ file_date }}) * 10000
                + extract(month from {{ file_date }}) * 100
                + extract(day from {{ file_date }})
                as bigint
            ) * 1000000
    end
{%- endmacro %}
