"""A challenger in the champion's shadow: what people's labels of their disagreements say about it.

:func:`shadow_evidence` reads it for a deployment. Nothing here needs what training needs, so the service's
pages may show it; :mod:`workshop_utils.production.retraining` decides by it.
"""

from workshop_utils.production.shadow.evidence import (
    SHADOW_EVIDENCE,
    ShadowBets,
    ShadowEvidence,
    bet_on_win,
    evidence_words,
    short_number,
    weigh_disagreements,
)
from workshop_utils.production.shadow.pair_labels import (
    PairCounted,
    PairLabel,
    PairLabels,
    ShadowPair,
    bets_of,
    pair_evidence,
    read_pair_labels,
    shadow_evidence,
    shadow_pair,
)

__all__ = [
    "SHADOW_EVIDENCE",
    "PairCounted",
    "PairLabel",
    "PairLabels",
    "ShadowBets",
    "ShadowEvidence",
    "ShadowPair",
    "bet_on_win",
    "bets_of",
    "evidence_words",
    "pair_evidence",
    "read_pair_labels",
    "shadow_evidence",
    "shadow_pair",
    "short_number",
    "weigh_disagreements",
]
