"""Traces by OpenTelemetry: off until its own variables say where to, and nothing of it is imported until then.

`switch` alone may be imported by what runs without it; every other module here needs the extra `tracing`.
"""
