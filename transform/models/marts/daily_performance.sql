with costed as (

    select * from {{ ref('int_performance__costed') }}

),

stated as (

    select
        *,
        {{ cpa_state() }} as cpa_state
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
        {{ cpa() }} as cpa,
        cpa_state,
        cast(everflow_revenue - cost as decimal(38, 18)) as profit
    from stated

)

select * from final
