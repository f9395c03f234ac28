"""Prometheus' text format, as far as a test reads it."""


def sum_of(exposition: str, name: str, /, **labels: str) -> float:
    """Of all samples of `name` that have these labels."""
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    lines = [line for line in samples_of(exposition) if line.split("{")[0].split(" ")[0] == name]
    return sum(float(line.rpartition(" ")[2]) for line in lines if all(label in line for label in wanted))


def samples_of(exposition: str) -> list[str]:
    """A line for each series."""
    return [line for line in exposition.splitlines() if line and not line.startswith("#")]
