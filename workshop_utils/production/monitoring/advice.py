"""What to do after a look at the model: one sentence, the same on the console and on the page."""

from workshop_utils.production.monitoring.monitoring_report import RUNBOOKS, TOO_FEW_LABELS, MonitoringReport

_SIMPLE = {
    "quiet": "Nothing.",
    "harmful": "Run `workshop retrain`: it trains a challenger, and promotes it only where it is better.",
}


def what_to_do(report: MonitoringReport) -> str:
    """The next step, and the command for it."""
    if report.verdict == "harmful" and any(alarm.name == "labels" for alarm in report.alarms):
        return f"Before anything is retrained, look at who gave the labels: {RUNBOOKS['labels']}."
    if report.verdict in _SIMPLE:
        return _SIMPLE[report.verdict]
    if report.performance.errors is None:
        return report.performance.reason
    buy, mild = report.labels_to_buy, report.verdict == "mild"
    if buy is None:
        return (
            "Errors are so close to what is tolerated that no number of labels would tell them apart; "
            "look again when more have come."
        )
    if buy == 0:
        return "Nothing more: labels of texts since the change are enough to tell how often it is wrong."
    texts = "1 more text" if buy == 1 else f"{buy:,} more texts"
    return (
        f"Label {texts}{' that came since the change' if mild else ''}: `workshop label` opens the page that "
        "draws and shows them, and `workshop feedback LABELS.CSV` takes a table of them."
        f"{'' if mild else f' More in {TOO_FEW_LABELS}.'}"
    )
