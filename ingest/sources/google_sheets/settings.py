"""Google Sheets: constants."""

import re

from ingest.http import RateLimit
from ingest.values import COUNT_TYPE, TEXT_TYPE

REQUIRED = (
    "GOOGLE_SHEETS_CREDENTIALS_PATH or GOOGLE_SHEETS_CREDENTIALS_JSON",
    "GOOGLE_SHEETS_RANGES",
)
RATE_LIMIT = RateLimit(calls=50, seconds=60.0)  # 60 a minute for each user, which a robot is too
SCOPE = "https://www.googleapis.com/auth/spreadsheets.readonly"
# The audience of an assertion is Google's address, also where the key names another one to ask.
AUDIENCE = "https://oauth2.googleapis.com/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_SECONDS = 3600
# As they are, not as they look: a look depends on the sheet's language and loses digits.
RENDER = {
    "majorDimension": "ROWS",
    "valueRenderOption": "UNFORMATTED_VALUE",
    "dateTimeRenderOption": "SERIAL_NUMBER",
}
ERROR_CELL = re.compile(r"#(N/A|REF!|DIV/0!|VALUE!|NAME\?|NUM!|NULL!|ERROR!|SPILL!|CALC!)")
TABLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,54}")
LONGEST_NAME = 55  # PostgreSQL takes 63 bytes, and a number may follow
META_COLUMNS = {
    "_client_id": {**TEXT_TYPE, "nullable": False},
    "_row_id": COUNT_TYPE,
}
