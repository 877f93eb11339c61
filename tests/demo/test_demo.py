"""What a demo is made of; its runs are tested with the scripts."""

from minute_candles.config.settings import demo_settings
from minute_candles.demo.demo import with_alerts


def test_the_charts_demo_has_the_rules_of_the_example(tmp_path) -> None:
    """Moved into the package, the demo looked for them in the wrong folder and showed no alert."""
    rules = with_alerts(demo_settings("http://127.0.0.1:1", tmp_path)).integrations.alerts_file
    assert rules is not None
    assert rules.is_file()
