"""How often Hypothesis tries: the full number in `make test`, a seventh of it in `make check`."""

from hypothesis import settings

HUNDRED = 100


def declare_profiles() -> None:
    """`--hypothesis-profile full` switches. No example has a deadline: on a busy machine that fails by itself."""
    settings.register_profile("full", max_examples=HUNDRED, deadline=None)
    settings.register_profile("quick", max_examples=15, deadline=None)
    settings.load_profile("quick")


def examples(full: int) -> int:
    """Examples of a test that wants another number than the profile's, scaled as the profile scales a hundred."""
    return max(1, full * settings().max_examples // HUNDRED)
