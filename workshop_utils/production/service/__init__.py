"""The service: a Flask API that answers texts with the probabilities of classes, and cannot be knocked over.

Read it in this order: ``running`` puts it together, ``app`` and ``routes`` say what it answers,
``predicting``, ``scoring`` and ``loading`` how, ``server`` what keeps it up.
"""

from workshop_utils.production.service.app import create_app
from workshop_utils.production.service.predicting import PredictionLog
from workshop_utils.production.service.running import Service, stop_on_signals
from workshop_utils.production.service.settings import Limits, ServiceSettings

__all__ = ["Limits", "PredictionLog", "Service", "ServiceSettings", "create_app", "stop_on_signals"]
