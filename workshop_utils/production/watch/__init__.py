"""The loop for those without an orchestrator: monitors on a schedule, tells people, retrains if told to.

It runs the same commands as everybody else, each in a process of its own: a run that dies, or needs much
memory, leaves the watch alive.
"""

from workshop_utils.production.watch.channels import Channel, MailChannel, NotTold, WebhookChannel
from workshop_utils.production.watch.commands import CommandEnd, run_command, split_command
from workshop_utils.production.watch.durations import parse_duration
from workshop_utils.production.watch.listening import create_listener
from workshop_utils.production.watch.process import StopSignals, run_until
from workshop_utils.production.watch.rounds import WatchedModel, WatchRound
from workshop_utils.production.watch.schedule import RunSchedule, next_due
from workshop_utils.production.watch.standing import RetrainingTry, Standing, read_standing, told_text
from workshop_utils.production.watch.telling import Teller, WatchMemory, WatchState

__all__ = [
    "Channel",
    "CommandEnd",
    "MailChannel",
    "NotTold",
    "RetrainingTry",
    "RunSchedule",
    "Standing",
    "StopSignals",
    "Teller",
    "WatchMemory",
    "WatchRound",
    "WatchState",
    "WatchedModel",
    "WebhookChannel",
    "create_listener",
    "next_due",
    "parse_duration",
    "read_standing",
    "run_command",
    "run_until",
    "split_command",
    "told_text",
]
