-- Fails when two lines of a client's projects.csv claim the same offer, or the same whole
-- advertiser, on the same day: its money would count twice. `make lint` names both lines.
with projects as (

    select
        _client_id,
        advertiser_id,
        offer_id,
        valid_from,
        valid_to,
        row_number() over (
            partition by _client_id
            order by advertiser_id, offer_id, valid_from, valid_to, project
        ) as line_rank
    from {{ ref('stg_clients__projects') }}

)

select
    first_lines._client_id,
    first_lines.advertiser_id,
    first_lines.offer_id,
    second_lines.valid_from,
    least(first_lines.valid_to, second_lines.valid_to) as valid_to
from projects as first_lines
inner join projects as second_lines
    on
        first_lines._client_id = second_lines._client_id
        and first_lines.advertiser_id = second_lines.advertiser_id
        and coalesce(first_lines.offer_id, -1) = coalesce(second_lines.offer_id, -1)
        and first_lines.line_rank < second_lines.line_rank
        and first_lines.valid_from <= second_lines.valid_to
        and first_lines.valid_to >= second_lines.valid_from
