with days as (

    select * from {{ ref('int_days__requested') }}

),

projects as (

    select * from {{ ref('stg_clients__projects') }}

),

shared as (

    select * from {{ ref('int_performance__shared') }}

),

summed as (

    select
        _client_id,
        date,
        project,
        sum(conversions) as conversions,
        sum(everflow_payout) as everflow_payout,
        sum(everflow_revenue) as everflow_revenue,
        sum(redtrack_cost) as redtrack_cost,
        sum(case when is_unmapped then cost else 0 end) as unmapped_cost,
        sum(case when is_cost_allocated then cost else 0 end) as allocated_cost,
        sum(cost) as cost,
        bool_or(is_internal and conversions > 0 and not has_spend) as has_missing_spend
    from shared
    group by 1, 2, 3

),

-- a valid project has a row even on a day without data
project_days as (

    select
        days._client_id,
        days.date,
        projects.project
    from days
    inner join projects
        on
            days._client_id = projects._client_id
            and days.date between projects.valid_from and projects.valid_to
    union
    select
        _client_id,
        date,
        project
    from summed

),

daily as (

    select
        project_days._client_id,
        project_days.date,
        project_days.project,
        cast(coalesce(summed.conversions, 0) as bigint) as conversions,
        cast(coalesce(summed.everflow_payout, 0) as decimal(38, 18)) as everflow_payout,
        cast(coalesce(summed.everflow_revenue, 0) as decimal(38, 18)) as everflow_revenue,
        cast(coalesce(summed.redtrack_cost, 0) as decimal(38, 18)) as redtrack_cost,
        cast(coalesce(summed.unmapped_cost, 0) as decimal(38, 18)) as unmapped_cost,
        cast(coalesce(summed.allocated_cost, 0) as decimal(38, 18)) as allocated_cost,
        cast(coalesce(summed.cost, 0) as decimal(38, 18)) as cost,
        cast(coalesce(summed.cost - summed.unmapped_cost, 0) as decimal(38, 18)) as mapped_cost,
        coalesce(summed.has_missing_spend, false) as has_missing_spend
    from project_days
    left join summed
        on
            project_days._client_id = summed._client_id
            and project_days.date = summed.date
            and coalesce(project_days.project, '') = coalesce(summed.project, '')

)

select
    -- ids
    _client_id,
    date,
    project,

    -- measures
    conversions,
    everflow_payout,
    everflow_revenue,
    redtrack_cost,
    unmapped_cost,
    allocated_cost,
    cost,
    case when allocated_cost <> 0 then 'allocated' else 'direct' end as cost_basis,
    {{ exact_ratio('cost', 'conversions') }} as blended_cpa,
    {{ exact_ratio('mapped_cost', 'conversions') }} as mapped_cpa,
    cast(everflow_revenue - cost as decimal(38, 18)) as profit,

    -- truth
    has_missing_spend
from daily
