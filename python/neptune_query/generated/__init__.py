"""Where the official package keeps generated code; scripts import one exception from here."""
