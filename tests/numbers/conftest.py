"""What the tests of numbers and their pages ask for."""

from tests.numbers.carrier import _pretend, _workers, desk, draft, workers  # noqa: F401
