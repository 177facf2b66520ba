"""Where telemetry goes: the console, a file, a collector, Prometheus. Nothing of the SDK is imported with it."""
