"""A page of the past TR, and what it proves of a day's start (minute_candles/verification/past_pages.py)."""

from datetime import datetime, timedelta

import pytest
from kis_testing import WEDNESDAY

from minute_candles.kis.parse import minute_rows
from minute_candles.market.calendar import TradingCalendar
from minute_candles.verification.past_pages import read_page


class TestSeam:
    """A full page that runs from the day into an earlier one proves the start; anything less is asked about again."""

    SESSION = TradingCalendar().session(WEDNESDAY)

    def page(self, change=lambda rows: rows):
        noon, eve = datetime(2026, 11, 18, 12), datetime(2026, 11, 17, 20)
        labels = [noon - timedelta(minutes=n) for n in range(40)] + [eve - timedelta(minutes=n) for n in range(80)]
        prices = dict.fromkeys(("stck_oprc", "stck_hgpr", "stck_lwpr", "stck_prpr"), "100")
        rows = [
            {"stck_bsop_date": f"{at:%Y%m%d}", "stck_cntg_hour": f"{at:%H%M%S}", "cntg_vol": "1", "acml_tr_pbmn": "9"}
            for at in labels
        ]
        raws = change([row | prices for row in rows])
        return read_page(minute_rows(raws), self.SESSION, self.SESSION.end - timedelta(seconds=1))

    def test_a_full_page_newest_first_is_seamless(self):
        assert self.page().seamless and self.page().starts_day

    @pytest.mark.parametrize(
        "change",
        [
            lambda rows: rows[1:],
            lambda rows: [*rows[:5], rows[-1], *rows[5:-1]],
            lambda rows: rows[40:] + rows[40:80],
        ],
        ids=["a row is missing", "an earlier day in between", "nothing of the day"],
    )
    def test_anything_less_is_not(self, change):
        assert not self.page(change).seamless
