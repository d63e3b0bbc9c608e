"""Series answers of strings, histograms and files <-> OBJECT_SERIES_PAGE."""
from __future__ import annotations
import pyarrow as pa
Body = bytes | bytearray | memoryview
def decode_object_series(body: Body) -> pa.RecordBatch: raise NotImplementedError
def encode_object_series(page: pa.RecordBatch) -> bytes: raise NotImplementedError
