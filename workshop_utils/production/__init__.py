"""Prediction log, monitoring, registry, retraining and the service. Knows data and models.

Lessons 09 to 11 fill this room.
"""
