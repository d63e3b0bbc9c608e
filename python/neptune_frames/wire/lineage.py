"""The words for whose points belong to a series: with or without inherited ones, of a run or of an experiment.

Requests for points and for buckets have words and an order of their own, and in both the position means something.
"""

from __future__ import annotations

FULL = "FULL"
OWN_POINTS = "NONE"
OWN_BUCKETS = "ONLY_OWNED"

RUN = "RUN"
EXPERIMENT = "EXPERIMENT"

#: Requests for points (F and R, JSON): what they may say, the first where they say nothing.
POINTS_LINEAGES = (FULL, OWN_POINTS)
POINTS_ENTITY_TYPES = (RUN, EXPERIMENT)

#: Requests for buckets (B, protobuf): the values of ``ProtoLineage`` and ``LineageEntityType``, by number.
BUCKETS_LINEAGES = (FULL, OWN_BUCKETS)
BUCKETS_ENTITY_TYPES = (EXPERIMENT, RUN)
