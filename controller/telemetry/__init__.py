"""Channel catalogue, frames, ring buffers and the slow recorder."""
