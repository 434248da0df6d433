{#- Models for which neither a contract nor `named` ensures a client in every row. -#}
{% macro models_without_client_guard(named) -%}
    {%- set unguarded = [] -%}
    {%- set tested = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.test_metadata and node.test_metadata.name == 'not_null' -%}
            {%- if node.test_metadata.kwargs.column_name == '_client_id' -%}
                {%- do tested.append(node.attached_node) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' -%}
            {%- if node.config.contract.enforced -%}
                {%- set declared = node.columns.get('_client_id', {}).get('constraints', []) -%}
                {%- if 'not_null' not in declared | map(attribute='type') | join(' ') -%}
                    {%- do unguarded.append(node.name) -%}
                {%- endif -%}
            {#- an ephemeral model has no rows but those of the models that read it -#}
            {%- elif node.config.materialized != 'ephemeral' and node.name not in named and node.unique_id not in tested -%}
                {%- do unguarded.append(node.name) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(unguarded) }}
{%- endmacro %}
