"""What the page ``/dashboard`` shows: read once, with bounded work, and drawn on one axis of time."""

from workshop_utils.production.dashboard.happenings import Happening
from workshop_utils.production.dashboard.panels import (
    AnsweredRequests,
    Panel,
    make_panels,
    numbered_happenings,
)
from workshop_utils.production.dashboard.reading import Dashboard, Look, Percentiles, read_dashboard
from workshop_utils.production.dashboard.rolling import WINDOW, RollingPoint, rolling_points
from workshop_utils.production.dashboard.time_axis import SPANS, Span, TimeAxis, axis_of
from workshop_utils.production.dashboard.time_plots import cut, visible_text

__all__ = [
    "SPANS",
    "WINDOW",
    "AnsweredRequests",
    "Dashboard",
    "Happening",
    "Look",
    "Panel",
    "Percentiles",
    "RollingPoint",
    "Span",
    "TimeAxis",
    "axis_of",
    "cut",
    "make_panels",
    "numbered_happenings",
    "read_dashboard",
    "rolling_points",
    "visible_text",
]
