"""The whole loop on anybody's table: train, deploy, answer, watch, retrain behind a gate, swap, and tell.

:class:`ServiceReplay` sends rows of the past through a running service; :func:`run_loop` does all of it.
"""

from workshop_utils.production.loop.dated_table import (
    DatedColumns,
    DatedTable,
    DividedTable,
    divide_table,
    read_dated_table,
)
from workshop_utils.production.loop.dates import DatedRows, read_date, read_dates
from workshop_utils.production.loop.loop_page import render_loop_page
from workshop_utils.production.loop.loop_report import (
    LoopPeriod,
    LoopReport,
    LoopRetraining,
    LoopWorth,
    percent,
)
from workshop_utils.production.loop.periods import Period, PeriodUnit, make_periods
from workshop_utils.production.loop.run_loop import LoopListener, LoopRequest, refuse_foreign, run_loop
from workshop_utils.production.loop.service_replay import AnsweredRow, ServiceReplay, StreamRow

__all__ = [
    "AnsweredRow",
    "DatedColumns",
    "DatedRows",
    "DatedTable",
    "DividedTable",
    "LoopListener",
    "LoopPeriod",
    "LoopReport",
    "LoopRequest",
    "LoopRetraining",
    "LoopWorth",
    "Period",
    "PeriodUnit",
    "ServiceReplay",
    "StreamRow",
    "divide_table",
    "make_periods",
    "percent",
    "read_date",
    "read_dated_table",
    "read_dates",
    "refuse_foreign",
    "render_loop_page",
    "run_loop",
]
