"""The pages that say what to do, as paths in the repository: what errors, log lines and answers name.

Alarms of the monitoring name theirs in :data:`~workshop_utils.production.monitoring.RUNBOOKS`.
"""

from typing import Final

BAD_BUNDLE: Final = "docs/runbooks/bad-bundle.md"
CHALLENGER_REFUSED: Final = "docs/runbooks/challenger-refused.md"
DISK_FULL: Final = "docs/runbooks/disk-full.md"
DOES_NOT_START: Final = "docs/runbooks/service-does-not-start.md"
LABELS_NOT_TAKEN: Final = "docs/runbooks/labels-not-taken.md"
SLOW_OR_FAILING: Final = "docs/runbooks/service-is-slow-or-failing.md"
STORE_UNAVAILABLE: Final = "docs/runbooks/store-unavailable.md"
TOKEN_EXPIRED: Final = "docs/runbooks/token-expired.md"
TWO_PROMOTERS: Final = "docs/runbooks/two-promoters.md"
