"""What every test may use; one fixture file per subject."""

from __future__ import annotations

import signal

import pytest

pytest_plugins = ["tests.fix_mysql", "tests.fix_postgresql"]

# Whoever runs the tests in the background may have these ignored, and what they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True, scope="session")
def own_configuration_folder(tmp_path_factory):
    """Keep tokens and keys of the tests apart from those of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("configuration")))
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        for name in ("SETPOINT_TOKEN", "SETPOINT_KEYS"):
            patch.delenv(name, raising=False)
        yield
