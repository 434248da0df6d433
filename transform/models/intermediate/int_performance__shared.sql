-- Over 120 lines: four amounts are allocated in the same way, each with its exact remainder.
-- The costed ledger allocated to projects. A part is the difference of two running totals, the last
-- of which is the amount itself: so parts always add up to it, to the last digit. What single
-- conversions account for in full (count, payout, revenue) is taken from them.
with costed as (

    select * from {{ ref('int_performance__costed') }}

),

shares as (

    select * from {{ ref('int_projects__shares') }}

),

conversions as (

    select * from {{ ref('int_conversions__projected') }}

),

weighted as (

    select
        costed._client_id,
        costed.date,
        costed.advertiser_id,
        costed.affiliate_label,
        costed.is_internal,
        costed.is_unmapped,
        costed.has_spend,
        costed.conversions,
        costed.everflow_payout,
        costed.everflow_revenue,
        costed.redtrack_cost,
        shares.project,
        shares.share_basis,
        conversions.payout as known_payout,
        conversions.revenue as known_revenue,
        sum(conversions.payout) over affiliate_day as known_payouts,
        sum(conversions.revenue) over affiliate_day as known_revenues,
        cast(sum(shares.weight) over affiliate_day as bigint) as weights,
        row_number() over running_projects as rank_number,
        cast(sum(shares.weight) over running_projects as bigint) as running_weight
    from costed
    inner join shares
        on
            costed._client_id = shares._client_id
            and costed.date = shares.date
            and coalesce(costed.advertiser_id, -1) = coalesce(shares.advertiser_id, -1)
            and costed.affiliate_label = shares.affiliate_label
    left join conversions
        on
            shares.share_basis = 'affiliate'
            and shares._client_id = conversions._client_id
            and shares.date = conversions.date
            and shares.advertiser_id = conversions.advertiser_id
            and shares.affiliate_label = conversions.affiliate_label
            and coalesce(shares.project, '') = coalesce(conversions.project, '')
    window
        affiliate_day as (
            partition by
                costed._client_id, costed.date, costed.advertiser_id, costed.affiliate_label
        ),
        running_projects as (
            affiliate_day order by coalesce(shares.project, '') collate "C"
        )

),

multiplied as (

    select
        *,
        coalesce(known_payouts = everflow_payout, false) as has_known_payout,
        coalesce(known_revenues = everflow_revenue, false) as has_known_revenue,
        conversions * running_weight as weighted_conversions,
        cast(everflow_payout * running_weight as decimal(38, 18)) as weighted_payout,
        cast(everflow_revenue * running_weight as decimal(38, 18)) as weighted_revenue,
        cast(redtrack_cost * running_weight as decimal(38, 18)) as weighted_spend
    from weighted

),

running as (

    select
        *,
        case
            when running_weight = weights then conversions
            else cast(floor({{ exact_ratio('weighted_conversions', 'weights') }}) as bigint)
        end as running_conversions,
        case
            when running_weight = weights then everflow_payout
            else {{ exact_ratio('weighted_payout', 'weights') }}
        end as running_payout,
        case
            when running_weight = weights then everflow_revenue
            else {{ exact_ratio('weighted_revenue', 'weights') }}
        end as running_revenue,
        case
            when running_weight = weights then redtrack_cost
            else {{ exact_ratio('weighted_spend', 'weights') }}
        end as running_spend
    from multiplied

),

parts as (

    select
        _client_id,
        date,
        advertiser_id,
        affiliate_label,
        project,
        share_basis,
        is_internal,
        is_unmapped,
        has_spend,
        has_known_payout,
        cast(running_conversions - coalesce(lag(running_conversions) over before, 0) as bigint)
            as conversions,
        cast(
            case
                when has_known_payout then coalesce(known_payout, 0)
                else running_payout - coalesce(lag(running_payout) over before, 0)
            end as decimal(38, 18)
        ) as everflow_payout,
        cast(
            case
                when has_known_revenue then coalesce(known_revenue, 0)
                else running_revenue - coalesce(lag(running_revenue) over before, 0)
            end as decimal(38, 18)
        ) as everflow_revenue,
        cast(
            running_spend - coalesce(lag(running_spend) over before, 0) as decimal(38, 18)
        ) as redtrack_cost
    from running
    window
        before as (
            partition by _client_id, date, advertiser_id, affiliate_label order by rank_number
        )

)

select
    *,
    case when is_internal or is_unmapped then redtrack_cost else everflow_payout end as cost,
    -- spend is known by affiliate, payout by conversion
    share_basis in ('affiliate', 'advertiser')
    and (is_internal or is_unmapped or not has_known_payout) as is_cost_allocated
from parts
