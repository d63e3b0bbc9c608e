"""Float series answers (`ProtoFloatSeriesValuesResponseDTO`) <-> FLOAT_SERIES_PAGE."""
from __future__ import annotations
import pyarrow as pa
Body = bytes | bytearray | memoryview
def decode_float_series(body: Body, *, time: bool = False, preview: bool = False) -> pa.RecordBatch: raise NotImplementedError
def encode_float_series(page: pa.RecordBatch) -> bytes: raise NotImplementedError
