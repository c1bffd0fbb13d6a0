"""The game day: twelve faults are caused one after the other, and each alarm must name its runbook.

Nothing is set in a metric. A process is killed, a disk is full, a folder is gone, labels are wrong; and
somebody asks the service ten texts a second meanwhile.
"""

from workshop_utils.production.game_day.fault import Fault, FaultResult, SeenAlarm
from workshop_utils.production.game_day.running import FAULTS, run_game_day

__all__ = ["FAULTS", "Fault", "FaultResult", "SeenAlarm", "run_game_day"]
