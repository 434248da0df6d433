-- the registry in dbt_project.yml as rows; it reads no table
with brands as (

    {% for id, client in var('clients').items() %}
    {% set outer_loop = loop %}
    {% for brand, advertiser_id in client.brands.items() %}
    select
        cast('{{ id }}' as text) as _client_id,
        cast('{{ brand }}' as text) as brand,
        cast({{ advertiser_id }} as bigint) as advertiser_id
    {{ 'union all' if not (loop.last and outer_loop.last) }}
    {% endfor %}
    {% endfor %}

)

select * from brands
