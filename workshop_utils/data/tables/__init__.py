"""One reader for people's own tables, used by lessons, training and scoring alike.

Nothing is changed, dropped or shifted in silence: what was understood stands in ``notes``, and rows that do
not fit come with their line and the reason. Only an empty field is missing: "NA" and "null" are words.
"""

from workshop_utils.data.tables.labelled import LabelledTable, read_labelled
from workshop_utils.data.tables.labels import merge_spellings
from workshop_utils.data.tables.opening import open_table
from workshop_utils.data.tables.record import Record, TableReader

__all__ = ["LabelledTable", "Record", "TableReader", "merge_spellings", "open_table", "read_labelled"]
