"""Bucket requests and answers."""
from __future__ import annotations
from dataclasses import dataclass
import pyarrow as pa
Body = bytes | bytearray | memoryview
@dataclass(frozen=True)
class BucketsRequest:
    """Expressions as columns of equal length, and the view they share.

    ``lineage`` is FULL or ONLY_OWNED, ``entity_type`` EXPERIMENT or RUN. ``from_x``/``to_x`` None: the
    range of all points of the request.
    """
    request_ids: pa.StringArray
    run_ids: pa.StringArray
    formulas: pa.StringArray
    include_preview: bool = False
    lineage: str = "FULL"
    entity_type: str = "RUN"
    max_buckets: int = 1000
    from_x: float | None = None
    to_x: float | None = None
def decode_buckets_request(body: Body) -> BucketsRequest: raise NotImplementedError
def encode_buckets_request(request: BucketsRequest) -> bytes: raise NotImplementedError
def decode_buckets(body: Body) -> pa.RecordBatch: raise NotImplementedError
def encode_buckets(page: pa.RecordBatch) -> bytes: raise NotImplementedError
