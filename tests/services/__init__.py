"""Real back ends: a collector, Jaeger and Prometheus, each a process on ports of its own."""
