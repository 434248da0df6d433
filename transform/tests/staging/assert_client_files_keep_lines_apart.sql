-- Fails when an unclosed quote turns several lines of a client's file into one cell, so that lines
-- are lost. `signalroom doctor` names the line.
{% set affiliates = {
    'redtrack.source': 'a',
    'redtrack.source_alias': 'b',
    'redtrack.source_id': 'c',
    'everflow.affiliate_label': 'd',
    'everflow.advertiser_id': 'e',
} %}
{% set projects = {
    'project': 'a',
    'everflow.advertiser_id': 'b',
    'everflow.offer_id': 'c',
    'valid_from': 'd',
    'valid_to': 'e',
} %}

with cells as (

    {{ client_rows('internal-affiliates', affiliates) }}
    union all
    {{ client_rows('projects', projects) }}

)

select *
from cells
where concat(a, b, c, d, e) like '%' || chr(10) || '%'
