"""The documented dtypes that differ between the pandas of Python 3.10 (2.3) and the ones after it."""

from __future__ import annotations

import pandas as pd

IS_PANDAS_3 = int(pd.__version__.partition(".")[0]) >= 3

#: Of texts: `pd.StringDtype` with NaN, or Python objects.
TEXT_DTYPE = "str" if IS_PANDAS_3 else "object"
#: Of points in time.
TIME_DTYPE = "datetime64[us, UTC]" if IS_PANDAS_3 else "datetime64[ns, UTC]"
