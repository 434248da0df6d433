"""PostHog: its tables' columns, with the vendor's field and the type of each."""

from ingest.columns import (
    COUNT_TYPE,
    DATE_TYPE,
    FLAG_TYPE,
    INSTANT_TYPE,
    MONEY_TYPE,
    TEXT_TYPE,
    Field,
    Shape,
)

EVENT_COLUMNS = ("uuid", "event", "timestamp", "distinct_id", "properties", "created_at")
EVENTS = Shape(
    fields={
        "uuid": Field("uuid", TEXT_TYPE),
        "event": Field("event", TEXT_TYPE),
        "timestamp": Field("timestamp", INSTANT_TYPE),
        "distinct_id": Field("distinct_id", TEXT_TYPE),
        "created_at": Field("created_at", INSTANT_TYPE),
    },
    documents={"properties": "properties"},
)
DAY_COLUMN = {"date": DATE_TYPE}

FEATURE_FLAGS = Shape(
    fields={
        "id": Field("id", COUNT_TYPE),
        "key": Field("key", TEXT_TYPE),
        "name": Field("name", TEXT_TYPE),
        "active": Field("active", FLAG_TYPE),
        "deleted": Field("deleted", FLAG_TYPE),
        "version": Field("version", COUNT_TYPE),
        "rollout_percentage": Field("rollout_percentage", MONEY_TYPE),
        "ensure_experience_continuity": Field("ensure_experience_continuity", FLAG_TYPE),
        "created_at": Field("created_at", INSTANT_TYPE),
    },
    documents={"filters": "filters", "tags": "tags", "experiment_set": "experiment_set"},
)
EXPERIMENTS = Shape(
    fields={
        "id": Field("id", COUNT_TYPE),
        "name": Field("name", TEXT_TYPE),
        "description": Field("description", TEXT_TYPE),
        "type": Field("type", TEXT_TYPE),
        "feature_flag_key": Field("feature_flag_key", TEXT_TYPE),
        "feature_flag_id": Field("feature_flag.id", COUNT_TYPE),
        "start_date": Field("start_date", INSTANT_TYPE),
        "end_date": Field("end_date", INSTANT_TYPE),
        "archived": Field("archived", FLAG_TYPE),
        "deleted": Field("deleted", FLAG_TYPE),
        "conclusion": Field("conclusion", TEXT_TYPE),
        "conclusion_comment": Field("conclusion_comment", TEXT_TYPE),
        "created_at": Field("created_at", INSTANT_TYPE),
        "updated_at": Field("updated_at", INSTANT_TYPE),
    },
    documents={
        name: name
        for name in (
            "parameters", "filters", "metrics", "metrics_secondary", "saved_metrics", "holdout",
            "exposure_criteria", "stats_config",
        )
    },
)  # fmt: skip
LISTS = {"feature_flags": FEATURE_FLAGS, "experiments": EXPERIMENTS}
