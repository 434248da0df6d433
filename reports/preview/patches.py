"""How the recorded marts differ in a scenario: SQL statements with unqualified mart names."""

from __future__ import annotations

# Each is a vendor's or a client's text, and must stay text.
HOSTILE = (
    "<script>window.ran = 'script'</script>",
    "<!channel> <!here> <@U0123> <#C0123|general>",
    "</iframe></script><img src=x onerror=\"window.ran = 'image'\">",
    "*bold* _italic_ ~struck~ `code` ```fence```",
    '=HYPERLINK("http://evil.example","Click")',
    "<https://evil.example|Your bank>",
    "' onmouseover='window.ran = 1' \"quotes\" &amp; &lt;b&gt;",
    "\u202etxt.exe\u202c \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "Emoji \U0001f4a5 \U0001f469\u200d\U0001f4bb :smile: \u4e2d\u6587",
    "{{ 7 * 7 }} {% include '/etc/passwd' %} <mj-include path='/etc/passwd' />",
    "zero\u200bwidth \x07bell\nnew line\ttab",
    "N" * 5000,
    "-->]]><style>body{display:none}</style><base href=http://evil.example>",
    "   ",
)

Patches = tuple[str, ...]
# Parameters of the statements: `$hostile`, `$factor`.
PARAMETERS = {"hostile": list(HOSTILE), "factor": 123_457}

# The clients' files have no goals: add some for one brand each, one missed, one open, one met.
GOALS = (
    "insert into goal_pace by name select * from (values"
    " ('713', 'CCW', '2026-11', 'cpa', 28, 30),"
    " ('713', 'CCW', '2026-11', 'spend', 110_000, 30),"
    " ('713', 'CCW', '2026-11', 'conversions', 3_500, 30),"
    " ('cti', 'CTI', '2026-11', 'cpa', 40, 30)"
    ") goals(_client_id, brand, month, measure, goal, days_in_month)",
)
# Spend is missing only in the scenarios that say so.
PAID = (
    "update daily_performance set cpa = 0, cpa_state = 'zero_cost'"
    " where cpa_state = 'missing_spend'",
    "update affiliate_leaderboard set missing_spend_days = 0 where cpa is not null",
)
# The week of an incomplete Sunday has one day less.
SHORT_WEEK = "update weekly_rollup set days = 6 where week_start = '2026-11-09'"
SUNDAY_INCOMPLETE = "update daily_summary set is_complete = false where date = '2026-11-15'"


def _late(*sources: str, at: str) -> Patches:
    """Sources that were last loaded on Sunday at a given time."""
    found = []
    for source in sources:
        column = f"{source}_loaded_at"
        moment = f"timestamptz '2026-11-15 {at}-05'"
        found.append(f"update daily_summary set {column} = {moment} where date = '2026-11-15'")
        found.append(f"update daily_summary set {column} = null where date > '2026-11-15'")
    return (SUNDAY_INCOMPLETE, SHORT_WEEK, *found)


NO_NEW_FILE = "delete from order_files where file_date > '2026-11-15'"
LATE_MARTS = (*_late("redtrack", at="18:02"), NO_NEW_FILE)
RUNNING = (*_late("everflow", "redtrack", at="15:02"), NO_NEW_FILE)
NO_DATA = tuple(
    f"delete from {mart} where {column} > '2026-11-07'"
    for mart, column in (
        ("daily_summary", "date"),
        ("daily_performance", "date"),
        ("weekly_rollup", "week_start"),
        ("affiliate_leaderboard", "period_end"),
        ("state_performance", "order_date"),
        ("order_files", "file_date"),
    )
)
REDTRACK_NEVER = (
    SUNDAY_INCOMPLETE,
    SHORT_WEEK,
    "update daily_summary set redtrack_loaded_at = null where date >= '2026-11-15'",
    "delete from daily_performance where date = '2026-11-15' and is_unmapped",
    "update daily_performance set cost = 0, cpa = null, cpa_state = 'missing_spend'"
    " where date = '2026-11-15' and is_internal and conversions > 0",
)
NO_SPEND = (
    "update daily_performance set cost = 0, redtrack_cost = 0, cpa = null,"
    " cpa_state = 'missing_spend'"
    " where affiliate_label in ('G2 - Google', 'CTI House Video') and conversions > 0",
    "update affiliate_leaderboard set missing_spend_days = 2, cpa = null, cpa_rank = null,"
    " cpa_state = 'missing_spend' where affiliate_label in ('G2 - Google', 'CTI House Video')",
)
# The marts before RESTATED: three conversions less on that day.
BEFORE_RESTATED = (
    "update daily_performance set conversions = conversions - 3, cost = cost - 42.50"
    " where date = '2026-11-08' and affiliate_label in ('G2 - Meta', 'CTI House Media')",
    "update weekly_rollup set conversions = conversions - 3, cost = cost - 42.50,"
    " redtrack_cost = redtrack_cost - 42.50, profit = profit + 42.50"
    " where week_start = '2026-11-02' and advertiser_id is not null",
    "update affiliate_leaderboard set conversions = conversions - 3, cost = cost - 42.50"
    " where period_end = '2026-11-08' and affiliate_label in ('G2 - Meta', 'CTI House Media')",
    "update state_performance set attempts = attempts - 1, approved = approved - 1,"
    " revenue = revenue - 99.95 where order_date = '2026-11-08' and approved > 1",
)
# Monday to Wednesday with the figures of the week before.
MIDWEEK = (
    "delete from daily_summary where date > '2026-11-15'",
    "insert into daily_summary by name select * replace (cast(date + 7 as date) as date)"
    " from daily_summary where date between '2026-11-09' and '2026-11-11'",
    "insert into weekly_rollup by name select * replace ("
    " cast(week_start + 7 as date) as week_start, false as is_complete, 3 as days,"
    " conversions * 3 // 7 as conversions, everflow_revenue * 3 / 7 as everflow_revenue,"
    " cost * 3 / 7 as cost, unmapped_cost * 3 / 7 as unmapped_cost, profit * 3 / 7 as profit,"
    " conversions * 3 // 8 as previous_conversions, cost * 3 / 8 as previous_cost,"
    " unmapped_cost * 3 / 8 as previous_unmapped_cost,"
    " everflow_revenue * 3 / 8 as previous_revenue, profit * 3 / 8 as previous_profit)"
    " from weekly_rollup where week_start = '2026-11-09'",
)
MONEY = {
    "goal_pace": ("goal",),
    "daily_performance": ("conversions", "cost"),
    "weekly_rollup": (
        *("conversions", "everflow_revenue", "cost", "unmapped_cost", "profit"),
        *("previous_conversions", "previous_cost", "previous_unmapped_cost"),
        *("previous_revenue", "previous_profit"),
    ),
    "affiliate_leaderboard": (
        *("conversions", "everflow_revenue", "cost", "profit"),
        *("previous_conversions", "previous_cost", "previous_profit"),
    ),
    "state_performance": ("attempts", "approved", "declined", "revenue", "refunds"),
}
HUGE = (
    *(
        f"insert into {mart} by name select {mart}.* replace (affiliate_label || ' ' || number"
        f" as affiliate_label) from {mart}, range(2, 6) numbers(number)"
        for mart in ("daily_performance", "affiliate_leaderboard")
    ),
    *(
        f"update {mart} set {', '.join(f'{name} = {name} * $factor' for name in columns)}"
        for mart, columns in MONEY.items()
    ),
    "update goal_pace set goal = goal / $factor where measure = 'cpa'",
)
_LABELS = (
    "create or replace temp table labels as select _client_id, affiliate_label, cast(row_number()"
    " over (partition by _client_id order by max(is_unmapped) desc, sum(conversions) desc,"
    " affiliate_label) as int) as place from {mart} group by 1, 2"
)
_RENAMED = (
    "update {mart} set affiliate_label = {prefix}$hostile[1 + (place - 1) % len($hostile)]"
    " from labels where labels._client_id = {mart}._client_id"
    " and labels.affiliate_label = {mart}.affiliate_label"
)
_UNMAPPED = "case when is_unmapped then 'Unmapped: ' else '' end || "
NAMES = (
    _LABELS.format(mart="daily_performance"),
    _RENAMED.format(mart="daily_performance", prefix=_UNMAPPED),
    _LABELS.replace("max(is_unmapped) desc, ", "").format(mart="affiliate_leaderboard"),
    _RENAMED.format(mart="affiliate_leaderboard", prefix=""),
    *(
        f"update {mart} set advertiser_label = $hostile[1 + advertiser_id % 3]"
        for mart in ("daily_performance", "affiliate_leaderboard", "weekly_rollup")
    ),
    "update state_performance set project = $hostile[1 + len(project) % 6 + attempts % 5]",
    "update daily_performance set conversions = -4, cost = -120 where date = '2026-11-15'"
    " and affiliate_label = $hostile[4]",
)
