with source as (

    {{ source_or_empty('everflow', 'daily_stats') }}

),

renamed as (

    select
        -- ids
        _client_id,
        affiliate_id,
        advertiser_id,

        -- text
        coalesce(
            {{ blank_to_null('affiliate_label') }}, 'Affiliate ' || cast(affiliate_id as text)
        ) as affiliate_label,
        {{ blank_to_null('advertiser_label') }} as advertiser_label,

        -- dates
        date,

        -- measures
        clicks,
        unique_clicks,
        conversions,
        total_conversions,
        scrubbed_conversions,
        events,
        revenue,
        payout

        -- profit omitted (each mart forms its own), as are the finer click counts and sales
    from source

)

select * from renamed
