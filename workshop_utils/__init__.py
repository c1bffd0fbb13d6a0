"""Helpers of the course *From Keras to Production*.

Four rooms; imports run downwards only: ``data`` < ``models`` < ``production`` < ``course``.
"""

__version__ = "0.1.0"
