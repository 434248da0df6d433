with costed as (

    select * from {{ ref('int_performance__costed') }}

),

stated as (

    select
        *,
        case
            when is_unmapped then 'unmapped_spend'
            when conversions = 0 then 'no_conversions'
            when is_internal and not has_spend then 'missing_spend'
            when cost = 0 then 'zero_cost'
            else 'ok'
        end as cpa_state
    from costed

),

final as (

    select
        -- ids
        _client_id,
        date,
        advertiser_id,
        advertiser_label,
        affiliate_id,
        affiliate_label,

        -- truth
        is_internal,
        is_unmapped,

        -- measures
        clicks,
        conversions,
        everflow_payout,
        everflow_revenue,
        redtrack_cost,
        redtrack_clicks,
        cost,
        cast(
            case
                when cpa_state in ('ok', 'zero_cost') then {{ exact_ratio('cost', 'conversions') }}
            end as decimal(18, 6)
        ) as cpa,
        cpa_state,
        cast(everflow_revenue - cost as decimal(38, 18)) as profit
    from stated

)

select * from final
