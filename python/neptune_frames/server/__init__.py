"""The Neptune HTTP API over an archive, read-only. `neptune_frames.server.testing` runs it in this process."""
