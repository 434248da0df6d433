-- depends_on: {{ ref('stg_ops__control_totals') }}
with engaged as (

    select * from {{ ref('int_emails__engaged') }}

),

emails as (

    select * from {{ ref('stg_mautic__emails') }}

),

delivered as (

    select
        *,
        sends - failures as deliveries
    from engaged

)

select
    -- ids
    delivered._client_id,
    delivered.date,
    delivered.email_id,

    -- text
    emails.email_name,
    emails.subject,
    emails.email_type,

    -- measures
    delivered.sends,
    delivered.failures,
    delivered.deliveries,
    delivered.opens,
    delivered.total_opens,
    {{ exact_ratio('delivered.opens', 'delivered.deliveries') }} as open_rate,
    {{ exact_ratio('delivered.failures', 'delivered.sends') }} as failure_rate,

    -- dates
    delivered.last_opened_at
from delivered
left join emails
    on
        delivered._client_id = emails._client_id
        and delivered.email_id = emails.email_id
