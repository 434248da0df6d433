-- Over 120 lines: each step from names to words to shared words is a separate CTE.
-- Words that an unmapped source's name shares with names that are already mapped: those of mapped
-- sources, and Everflow's labels with their brand. Similarity is shared words / all words.
with ledger as (

    select * from {{ ref('int_performance__ledger') }}

),

mappings as (

    select * from {{ ref('stg_clients__internal_affiliates') }}

),

sources as (

    select
        _client_id,
        source_id,
        source_name,
        row_number() over (
            partition by _client_id, source_id
            order by date desc
        ) as recency
    from ledger
    where is_unmapped

),

candidates as (

    select
        _client_id,
        affiliate_label,
        advertiser_id,
        source_name as candidate_name
    from mappings
    where is_mapped and source_name is not null
    union
    select
        _client_id,
        affiliate_label,
        advertiser_id,
        affiliate_label || ' ' || coalesce(advertiser_label, '') as candidate_name
    from ledger
    where source = 'everflow' and advertiser_id is not null

),

-- count each word once
source_words as (

    select distinct
        _client_id,
        source_id,
        unnest({{ words('source_name') }}) as word
    from sources
    where recency = 1

),

candidate_words as (

    select distinct
        _client_id,
        affiliate_label,
        advertiser_id,
        candidate_name,
        unnest({{ words('candidate_name') }}) as word
    from candidates

),

source_sizes as (

    select
        _client_id,
        source_id,
        count(*) as word_count
    from source_words
    group by 1, 2

),

candidate_sizes as (

    select
        _client_id,
        affiliate_label,
        advertiser_id,
        candidate_name,
        count(*) as word_count
    from candidate_words
    group by 1, 2, 3, 4

),

shared as (

    select
        source_words._client_id,
        source_words.source_id,
        candidate_words.affiliate_label,
        candidate_words.advertiser_id,
        candidate_words.candidate_name,
        count(*) as shared_words
    from source_words
    inner join candidate_words
        on
            source_words._client_id = candidate_words._client_id
            and source_words.word = candidate_words.word
    where source_words.word <> ''
    group by 1, 2, 3, 4, 5

),

compared as (

    select
        shared._client_id,
        shared.source_id,
        shared.affiliate_label,
        shared.advertiser_id,
        shared.candidate_name,
        shared.shared_words,
        source_sizes.word_count + candidate_sizes.word_count - shared.shared_words as all_words
    from shared
    inner join source_sizes
        on
            shared._client_id = source_sizes._client_id
            and shared.source_id = source_sizes.source_id
    inner join candidate_sizes
        on
            shared._client_id = candidate_sizes._client_id
            and shared.affiliate_label = candidate_sizes.affiliate_label
            and shared.advertiser_id = candidate_sizes.advertiser_id
            and shared.candidate_name = candidate_sizes.candidate_name

),

rated as (

    select
        _client_id,
        source_id,
        affiliate_label,
        advertiser_id,
        candidate_name,
        {{ exact_ratio('shared_words', 'all_words') }} as similarity
    from compared

),

ranked as (

    select
        _client_id,
        source_id,
        affiliate_label,
        advertiser_id,
        similarity,
        row_number() over (
            partition by _client_id, source_id
            order by
                similarity desc,
                advertiser_id asc,
                affiliate_label collate "C" asc,
                candidate_name collate "C" asc
        ) as rank_number
    from rated

)

select
    _client_id,
    source_id,
    affiliate_label,
    advertiser_id,
    similarity
from ranked
where rank_number = 1 and similarity >= {{ var('suggested_similarity') }}
